"""Takes what apps tell: webhooks, feeds and watches, and reads the records behind their hints."""

"""Webhooks, feeds, watches and the hydrator, with an app that the test plays."""

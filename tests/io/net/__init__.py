"""Guards on addresses, and calls of webhooks."""

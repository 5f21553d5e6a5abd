"""Calls to apps: signed, within the budget of an account, and noted."""

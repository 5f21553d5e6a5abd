"""Accounts of apps as settings know them: found, signed in, and forgotten."""

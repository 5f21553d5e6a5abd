"""Calls to apps: budgets, sign-ins, notes."""

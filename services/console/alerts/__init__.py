"""Alerts: what is counted, when that counts as wrong, and whom to tell."""

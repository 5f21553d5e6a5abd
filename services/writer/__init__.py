"""Writes to the apps in batches, and publishes what became of each write."""

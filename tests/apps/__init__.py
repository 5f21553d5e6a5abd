"""Connectors: one conformance suite that every app passes, and what is particular to each."""

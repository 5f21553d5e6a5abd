"""Switches one guard after the other off, and shows which tests notice: `python -m tests.mutants`."""

"""The writer: batches, unknown outcomes, and what it answers."""

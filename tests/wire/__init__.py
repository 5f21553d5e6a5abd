"""Messages as they are stored, of each version."""

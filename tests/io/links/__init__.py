"""The links: in memory and on a real Redis."""

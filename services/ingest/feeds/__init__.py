"""Feeds: asking apps what changed, what fields and people they have, and what records are associated with."""

"""Redis: running scripts on it, and what processes count or note there besides the links."""

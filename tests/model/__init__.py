"""The nouns, as small examples."""

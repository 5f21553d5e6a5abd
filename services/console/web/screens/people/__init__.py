"""Pages of people: signing in, one's own account, users, tokens, the provider."""

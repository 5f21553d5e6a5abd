"""What admins do: users, tokens, sign-in by a provider, mail, alerts, and how long things are kept."""

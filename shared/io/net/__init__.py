"""Servers that somebody names, other than apps: for mail, webhooks, sign-in; and the guard on all such addresses."""

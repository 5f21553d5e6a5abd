"""The engine, as small examples of what it decides."""

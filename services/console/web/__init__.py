"""The console's pages: HTML made at the server, every state a URL, usable without script.

A part (`parts/`) knows no installation; a screen (`screens/`) asks `services.console.use` and shows what it found.
"""

"""One file a screen: it reads the URL, asks what it needs, and returns a page."""

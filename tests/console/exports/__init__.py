"""Lists as files: their formats, and how a console makes them."""

"""Lists as files: what is known of them, their formats, and what makes them."""

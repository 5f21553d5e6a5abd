"""What is done from a terminal: each command reads its arguments, calls `use/` or the API, and prints."""

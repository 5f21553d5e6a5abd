"""What processes share in Redis besides the links."""

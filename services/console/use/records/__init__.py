"""What can be done with records: find them, follow them, read them again, take them away as a file."""

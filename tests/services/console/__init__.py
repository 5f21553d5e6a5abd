"""What the console does with topics and settings, by its commands and its API."""

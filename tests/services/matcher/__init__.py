"""Match, resolve and the rebuild, message by message."""

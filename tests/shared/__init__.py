"""Settings, logs and metrics of a process."""

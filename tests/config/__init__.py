"""Settings made ready to run."""

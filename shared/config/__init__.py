"""Settings made ready to run: what is set up, compiled to policies, and the long work that was asked for. Pure."""

"""The whole protocol in one thread under crashes, lost answers and a forgetful Redis: `python -m tests.simulator`."""

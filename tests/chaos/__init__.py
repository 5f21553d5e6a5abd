"""Random edits on real servers while processes die, judged by what people did alone: `python -m tests.chaos`."""

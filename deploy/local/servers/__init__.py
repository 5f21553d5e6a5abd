"""The servers of a local run: each is started, watched and ended as a child of its own."""

"""What several services use: the engine, its catalogues and the apps, which are pure, and `io/`, which is not."""

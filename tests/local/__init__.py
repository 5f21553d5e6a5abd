"""What `make run` and the build do on a machine."""

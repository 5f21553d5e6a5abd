"""Writes the generated references, and checks that every document is true."""

"""Resolve: makes a pair's step, swaps its state, and publishes what follows."""

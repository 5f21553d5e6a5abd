"""Match: finds the pair of a record that was read."""

"""What runs Syncline somewhere: so far on one machine, in `local/`."""

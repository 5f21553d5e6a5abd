"""What holds for all values, tried by Hypothesis."""

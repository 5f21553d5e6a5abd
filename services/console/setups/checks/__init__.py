"""What is wrong with settings, part by part, in sentences that say what to write."""

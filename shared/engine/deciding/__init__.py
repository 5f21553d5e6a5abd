"""What is written, and what people are told: the second half of a step."""

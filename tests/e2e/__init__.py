"""Real processes on real Kafka and Redis."""

"""The processes: one folder each. No service knows another; they meet in Kafka and Redis."""

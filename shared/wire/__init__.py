"""What travels over Kafka: one table of topics, and the messages on each, versioned. Pure."""

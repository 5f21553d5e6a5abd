"""The handlers of each service, on Kafka and Redis in memory."""

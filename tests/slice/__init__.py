"""Real handlers and apps over HTTP in one thread, Kafka and Redis in memory: the level for what users see."""

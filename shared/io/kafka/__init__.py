"""Kafka: topics, producers and consumers, and the bundles that messages travel in."""

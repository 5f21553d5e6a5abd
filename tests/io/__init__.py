"""Kafka, Redis and HTTP: one suite for the real ones and those in memory."""

"""Kafka's part of the outside, in memory and real."""

"""The only code that touches Kafka, Redis, HTTP, files and clocks; in memory, the same for tests."""

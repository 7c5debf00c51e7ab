"""Reaches Kafka for the door."""

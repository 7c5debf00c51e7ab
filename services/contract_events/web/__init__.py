"""The door: what comes from outside over HTTP, checked and handed to Kafka."""

"""The rules of this service: how statements, change orders and decisions add up to one contract. Pure."""

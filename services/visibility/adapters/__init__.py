"""How visibility reaches its tables, its topics and the other services."""

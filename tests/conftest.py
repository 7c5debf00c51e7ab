"""What every test may ask for: the session's real Kafka, PostgreSQL and registry."""

from tests.support.stack import database, stack

__all__ = ["database", "stack"]

"""How a command ends: 0 done, 1 failed, 2 wrongly used, 3 found something; and failures told in one sentence."""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    FOUND = 3  # drift, a difference, something a doctor would not leave as it is


class OpsError(Exception):
    """A command cannot go on; the message says what is wrong, where, and what to do next."""


class StackDown(OpsError):
    """Nothing answers where the stack should be."""


def for_people(error: Exception) -> bool:
    """Whether the message is made for the person at the terminal; anything else is a bug and keeps its traceback."""
    from shared.ops.database import PreparationError
    from shared.ops.topics import TopicsError
    from shared.wire.avsc import SchemaError
    from shared.wire.catalogue import CatalogueError
    from shared.wire.registry import Refused, RegistryAway

    return isinstance(error, OpsError | PreparationError | TopicsError | SchemaError | CatalogueError | Refused | RegistryAway)

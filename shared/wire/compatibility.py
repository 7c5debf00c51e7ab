"""Decides whether a schema may follow earlier ones: by the rules of Avro's schema resolution, at the levels that registries know."""

import warnings
from enum import StrEnum

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException


class InvalidSchema(ValueError):
    """The text is no Avro schema; the message says where."""


class Level(StrEnum):
    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def transitive(self) -> bool:
        return self.endswith("_TRANSITIVE")

    @property
    def backward(self) -> bool:
        """Whether the new schema must read what earlier ones wrote."""
        return self.startswith(("BACKWARD", "FULL"))

    @property
    def forward(self) -> bool:
        """Whether earlier schemas must read what the new one writes."""
        return self.startswith(("FORWARD", "FULL"))


def parse(text: str) -> avro.schema.Schema:
    """Raises InvalidSchema."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown logical type is allowed and has no effect
            return avro.schema.parse(text)
    except RecursionError:
        raise InvalidSchema("the schema is nested too deeply to be read") from None
    except (AvroException, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise InvalidSchema(f"the schema is not valid Avro: {problem}"[:500]) from problem


def violations(level: Level, new: str, earlier: list[str]) -> list[str]:
    """Why `new` may not follow `earlier` (oldest first) at this level; empty when it may. Raises InvalidSchema."""
    candidate = parse(new)
    if not earlier or level is Level.NONE:
        return []
    found: list[str] = []
    for text in earlier if level.transitive else earlier[-1:]:
        known = parse(text)
        if level.backward:
            found += [f"the new schema cannot read what an earlier one wrote: {reason}" for reason in unreadable(candidate, known)]
        if level.forward:
            found += [f"an earlier schema cannot read what the new one writes: {reason}" for reason in unreadable(known, candidate)]
    return list(dict.fromkeys(found))


def unreadable(reader: avro.schema.Schema, writer: avro.schema.Schema) -> list[str]:
    """Why a reader with one schema cannot read what another wrote; empty when it can."""
    result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)  # type: ignore[no-untyped-call]
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    kinds = ", ".join(sorted({kind.value for kind in result.incompatibilities}))
    messages = ", ".join(sorted(result.messages))
    return [f"{kinds} at {', '.join(sorted(result.locations))} ({messages})"]

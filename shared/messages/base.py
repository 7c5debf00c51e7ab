"""What every published message has in common.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

from typing import ClassVar

from msgspec import Struct


class Message(Struct, frozen=True, kw_only=True):
    """The value of a record on a topic. `avro_schema` is its self-contained Avro schema, as it is registered."""

    avro_schema: ClassVar[str]

"""What a value may cost before it is refused. A value from a topic is outside input: ten kilobytes can crash a decoder that trusts it.

Three things make decoding bounded: a writer schema is examined once (`shape`), an amount's bytes are bounded where they are read, and a value
that could hold more than MAX_VALUES is counted before it is decoded (`census`). Everything else a decoder does is linear in the value's size.
"""

MAX_BYTES = 1 << 20
HEADROOM = 1 << 16  # for a key, headers and the frame of a batch
LETTER_BYTES = 2 * MAX_BYTES - HEADROOM  # of a dead letter's value: a record that was too large may be larger than any topic takes
MAX_DECIMAL_BYTES = 32  # 76 digits; turning bytes into digits is quadratic in their number
MAX_ITEMS = 50_000  # of one array or map
MAX_VALUES = 250_000  # of one record, all levels together
MAX_SCHEMA_DEPTH = 64  # of the schema's JSON
MAX_SCHEMA_VALUES = 10_000  # that a record holds with all arrays empty; named types used again and again multiply
MAX_SCHEMA_BYTES = 1 << 20

FRAME = 5  # magic byte and 4-byte schema id


class Undecodable(ValueError):
    """A value that no retry will make readable. `code` is stable: bad-magic, unknown-schema-id, recursive-schema, too-large,
    array-too-long, decimal-too-long, truncated, schema-mismatch, wrong-type."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def schema_id_of(value: bytes, limit: int = MAX_BYTES) -> int:
    """The schema id in a framed value: byte 0, then 4 bytes big-endian. Raises Undecodable."""
    if len(value) > limit:
        raise Undecodable("too-large", f"the value has {len(value)} bytes, the limit is {limit}; have its producer send less or raise the limit")
    if value[:1] not in (b"\x00", b""):
        raise Undecodable("bad-magic", f"the value begins with byte {value[0]}, not 0; have its producer write the registry's framing")
    if len(value) < FRAME:
        raise Undecodable("truncated", f"the value has {len(value)} bytes, fewer than the {FRAME} of its frame")
    return int.from_bytes(value[1:FRAME], "big")

"""Counts what a large value holds without building any of it, so that announced lengths cannot cost memory or time."""

from typing import Any

from shared.wire.limits import FRAME, MAX_ITEMS, MAX_VALUES, Undecodable
from shared.wire.shape import Shape

WIDTHS = {"null": 0, "float": 4, "double": 8}


def check(shape: Shape, value: bytes) -> None:
    """Raises Undecodable: array-too-long, truncated, or schema-mismatch."""
    _Census(shape, value).count(shape.parsed)


class _Census:
    def __init__(self, shape: Shape, value: bytes) -> None:
        self.named = shape.named
        self.value = value
        self.at = FRAME
        self.values = 0

    def count(self, node: Any) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            raise Undecodable("array-too-long", f"the value holds more than {MAX_VALUES} values; have its producer split it")
        if isinstance(node, list):
            self.count(self._branch(node))
            return
        kind = node if isinstance(node, str) else node["type"]
        if isinstance(kind, dict | list):
            self.count(kind)
        elif kind in WIDTHS:
            self._skip(WIDTHS[kind])
        elif kind == "boolean":
            self._boolean()
        elif kind in ("int", "long"):
            self._long()
        elif kind == "enum":
            self._symbol(node["symbols"])
        elif kind in ("bytes", "string"):
            self._skip(self._long())
        elif kind == "fixed":
            self._skip(node["size"])
        elif kind in ("array", "map"):
            self._blocks(node, kind)
        else:
            self._named(node if kind in ("record", "error") else self.named[kind])

    def _named(self, definition: dict[str, Any]) -> None:
        if definition["type"] not in ("record", "error"):
            self.count(definition)
            return
        for field in definition["fields"]:
            self.count(field["type"])

    def _boolean(self) -> None:
        self._skip(1)
        if self.value[self.at - 1] > 1:
            raise Undecodable("schema-mismatch", f"byte {self.value[self.at - 1]} is neither true nor false")

    def _symbol(self, symbols: list[str]) -> None:
        """A general reader takes a place below nought from the end, and reads another word than was written."""
        place = self._long()
        if not 0 <= place < len(symbols):
            raise Undecodable("schema-mismatch", f"{place} is no place among {len(symbols)} symbols")

    def _branch(self, union: list[Any]) -> Any:
        index = self._long()
        if not 0 <= index < len(union):
            raise Undecodable("schema-mismatch", f"the value chooses branch {index} of a union of {len(union)}, at byte {self.at}")
        return union[index]

    def _blocks(self, node: dict[str, Any], kind: str) -> None:
        items = 0
        while announced := self._long():
            if announced < 0:
                announced = -announced
                self._long()
            items += announced
            if items > MAX_ITEMS:
                raise Undecodable("array-too-long", f"the value announces {items} items of one {kind}, the limit is {MAX_ITEMS}")
            for _ in range(announced):
                if kind == "map":
                    self._skip(self._long())
                self.count(node["items" if kind == "array" else "values"])

    def _skip(self, octets: int) -> None:
        self.at += octets
        if octets < 0 or self.at > len(self.value):
            raise Undecodable("truncated", f"the value ends before its content does: {octets} bytes were announced near its end")

    def _long(self) -> int:
        zigzag, shift = 0, 0
        while shift < 70:
            if self.at >= len(self.value):
                raise Undecodable("truncated", "the value ends before its content does")
            octet = self.value[self.at]
            self.at += 1
            zigzag |= (octet & 0x7F) << shift
            if octet < 0x80:
                return (zigzag >> 1) ^ -(zigzag & 1)
            shift += 7
        raise Undecodable("schema-mismatch", f"a number of more than ten bytes, at byte {self.at}")

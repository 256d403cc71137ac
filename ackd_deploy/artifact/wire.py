"""Read protobuf's wire format: enough of it to look at an ONNX file without the ``onnx`` package.

The runtime must know what a graph refers to before ONNX Runtime opens it, and the ``onnx`` package is
neither small nor needed for anything else there. The wire format is five rules; this file is all of them.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Budget", "WireError", "fields", "varints"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(Exception):
    """The bytes are not a protobuf message, or a needlessly large one."""


@dataclass
class Budget:
    """Fields that may still be read: keeps a file made of millions of tiny fields from taking minutes."""

    left: int = 2_000_000

    def spend(self) -> None:
        """Count one field."""
        self.left -= 1
        if self.left < 0:
            raise WireError("it has more parts than any real model")


def fields(data: memoryview, budget: Budget) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield each field of a message as (number, wire type, value).

    A length-delimited value is a view into ``data``, not a copy; the others are unsigned integers.

    Raises:
        WireError: truncated data, an unknown wire type or a field number of 0.
    """
    position, end = 0, len(data)
    while position < end:
        budget.spend()
        tag, position = _varint(data, position)
        if tag >= 2**32:
            # Readers keep 32 bits of a tag: what is one field here would be another to them.
            raise WireError("it has a field number of more than 29 bits")
        number, kind = tag >> 3, tag & 7
        value: int | memoryview
        if number == 0:
            raise WireError("it has a field numbered 0")
        if kind == VARINT:
            value, position = _varint(data, position)
        elif kind == BYTES:
            length, position = _varint(data, position)
            if length > end - position:
                raise WireError("it ends in the middle of a field")
            value = data[position : position + length]
            position += length
        elif kind in (FIXED64, FIXED32):
            width = 8 if kind == FIXED64 else 4
            if width > end - position:
                raise WireError("it ends in the middle of a number")
            value = int.from_bytes(data[position : position + width], "little")
            position += width
        else:
            raise WireError(f"it has a field of wire type {kind}, which ONNX does not use")
        yield number, kind, value


def varints(data: memoryview, budget: Budget) -> list[int]:
    """Return the integers of a packed field."""
    found, position = [], 0
    while position < len(data):
        budget.spend()
        value, position = _varint(data, position)
        found.append(value)
    return found


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result, shift = 0, 0
    while True:
        if position >= len(data):
            raise WireError("it ends in the middle of a number")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift >= 70:
            raise WireError("it has a number of more than 10 bytes")

"""JSON Lines, and a JSON array with one object on each line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from ackd_deploy.bulk.formats.base import Format, json_text

__all__ = ["JsonArray", "JsonLines"]


class JsonLines(Format):
    """One object a line; a key that a record lacks is left out."""

    def encode(self, records: Sequence[dict[str, Any]]) -> bytes:
        """Return the lines."""
        return "".join(json_text(record) + "\n" for record in records).encode()

    def join(self, parts: Iterable[bytes], sink: BinaryIO) -> None:
        """Write one part after the other."""
        for part in parts:
            sink.write(part)


class JsonArray(Format):
    """One array, valid JSON as a whole and readable line by line."""

    def encode(self, records: Sequence[dict[str, Any]]) -> bytes:
        """Return the objects with commas between them."""
        return ",\n".join(map(json_text, records)).encode()

    def join(self, parts: Iterable[bytes], sink: BinaryIO) -> None:
        """Write the brackets, and a comma between parts."""
        sink.write(b"[\n")
        between = b""
        for part in parts:
            if part:
                sink.write(between + part)
                between = b",\n"
        sink.write(b"\n]\n")

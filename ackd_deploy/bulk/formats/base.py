"""What each format must do, and the kinds of column that it must know."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

__all__ = ["Column", "Format", "Kind", "json_text", "surrogate_problem"]

# "source": as the Parquet input has it; "labels" and "scores": of an answer; "json": anything, as JSON text.
Kind = Literal["string", "int", "float", "bool", "json", "source", "labels", "scores"]


@dataclass(frozen=True)
class Column:
    """A column of the output: its name and the kind of its values."""

    name: str
    kind: Kind


class Format(ABC):
    """Writes records, which are dicts of columns by name; a column that a record lacks is empty."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns

    @abstractmethod
    def encode(self, records: Sequence[dict[str, Any]]) -> bytes:
        """Return a part: these records, without what stands once in a file."""

    @abstractmethod
    def join(self, parts: Iterable[bytes], sink: BinaryIO) -> None:
        """Write a whole file of parts, of which one is held at a time (Parquet: a few)."""


def json_text(value: Any) -> str:
    """Return JSON on one line; what JSON has no type for is text: ISO 8601, decimal digits, base64 of bytes.

    Half a surrogate pair, which UTF-8 has no bytes for, stays the escape that it was.
    """
    text = json.dumps(value, ensure_ascii=False, default=_as_text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=_as_text)
    return text


def _as_text(value: Any) -> str:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def surrogate_problem(record: dict[str, Any]) -> str | None:
    """Return which column holds half a surrogate pair, or None."""
    for name, value in record.items():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return f"half a surrogate pair in column {name!r}"
    return None

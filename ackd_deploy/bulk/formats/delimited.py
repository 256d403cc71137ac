"""CSV (RFC 4180, UTF-8, a line feed after each record) and TSV without quoting, as training reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from ackd_deploy.bulk.formats.base import Format, json_text, surrogate_problem

__all__ = ["Csv", "Tsv", "tsv_problem"]

_QUOTED = re.compile('[",\r\n]')
_UNWRITABLE = re.compile("[\t\r\n]")


class _Delimited(Format):
    mark: str

    def encode(self, records: Sequence[dict[str, Any]]) -> bytes:
        return "".join(
            self._line([cell(record.get(column.name)) for column in self.columns]) for record in records
        ).encode()

    def join(self, parts: Iterable[bytes], sink: BinaryIO) -> None:
        sink.write(self._line([column.name for column in self.columns]).encode())
        for part in parts:
            sink.write(part)

    def _line(self, cells: Sequence[str]) -> str:
        return self.mark.join(cells) + "\n"


class Csv(_Delimited):
    """Fields with a comma, a quote or a line end are quoted. Python's writer leaves a carriage return unquoted."""

    mark = ","

    def _line(self, cells: Sequence[str]) -> str:
        return super()._line([f'"{c.replace(chr(34), chr(34) * 2)}"' if _QUOTED.search(c) else c for c in cells])


class Tsv(_Delimited):
    """A quote is a character like any other."""

    mark = "\t"


def cell(value: Any) -> str:
    """Return a value as the text of a cell: nothing for a missing one, JSON for what is no text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    text = json_text(value)
    # Dates and decimals come as JSON strings.
    return text[1:-1] if text.startswith('"') else text


def tsv_problem(record: dict[str, Any]) -> str | None:
    """Return which column of a record no .tsv can hold, or None."""
    for name, value in record.items():
        if isinstance(value, str) and _UNWRITABLE.search(value):
            return f"a tab or line end in column {name!r}, which a .tsv cannot hold"
    return surrogate_problem(record)

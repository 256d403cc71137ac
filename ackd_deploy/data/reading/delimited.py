"""CSV with commas and quotes, TSV with tabs and no quoting; both with a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from ackd_deploy.data.reading.encoding import decoded_lines
from ackd_deploy.data.reading.records import MAX_RECORD_BYTES, Records, Row, Wanted
from ackd_deploy.errors import DataError

__all__ = ["read_csv", "read_tsv"]

Fields = Iterator[tuple[int, list[str]]]


def read_csv(stream: BinaryIO, source: str, wanted: Wanted) -> Records:
    """Read RFC 4180: a quoted field may hold commas, line ends and doubled quotes. Empty lines are skipped."""
    return _records(_csv_fields(stream, source), source, wanted)


def read_tsv(stream: BinaryIO, source: str, wanted: Wanted) -> Records:
    """Read tab-separated lines as GLUE's: a quote is a character like any other. Empty lines are skipped."""
    fields = (
        (number, text.split("\t"))
        for number, line in decoded_lines(stream, source)
        if (text := line.removesuffix("\n").removesuffix("\r"))
    )
    return _records(fields, source, wanted)


def _csv_fields(stream: BinaryIO, source: str) -> Fields:
    # The module's own limit, 131,072 characters, is one for the whole process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    reader = csv.reader((line for _, line in decoded_lines(stream, source)), strict=True)
    while True:
        # A quoted field may span lines: the record is called by the line that it starts on.
        start = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{source}, line {start}: not valid CSV: {error}", hint=_csv_hint(str(error))) from error
        if values is None:
            return
        if values:
            yield start, values


def _csv_hint(message: str) -> str:
    if "field limit" in message or "unexpected end" in message:
        return "does a quote open a text that no quote closes?"
    if "new-line" in message:
        return "lines end in a line feed; a file of an old Mac ends them in carriage returns alone"
    return 'a quote inside a quoted text is written twice (""); a file with tabs is called .tsv'


def _records(fields: Fields, source: str, wanted: Wanted) -> Records:
    _, header = next(fields, (0, []))
    wanted.check(source, header)
    places = [header.index(name) for name in wanted.names]

    def rows() -> Iterator[Row]:
        for number, values in fields:
            if len(values) != len(header):
                mistake = f"{len(values)} fields where the header has {len(header)}"
                if wanted.on_bad:
                    wanted.on_bad(number, mistake)
                    continue
                raise DataError(
                    f"{source}, line {number}: {mistake}",
                    hint="in a .csv, a text with commas needs quotes; in a .tsv, a text must not hold tabs",
                )
            whole = [dict(zip(header, values, strict=True))] if wanted.whole else []
            yield number, [values[place] for place in places] + whole

    return Records(source, "line", header, rows())

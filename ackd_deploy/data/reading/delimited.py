"""CSV with quotes and commas or another delimiter, TSV with tabs and no quoting; both with a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from ackd_deploy.data.problems import listed
from ackd_deploy.data.reading.encoding import decoded_lines
from ackd_deploy.data.reading.records import MAX_RECORD_BYTES, Records, Row, Wanted
from ackd_deploy.errors import DataError

__all__ = ["DELIMITERS", "read_csv", "read_tsv"]

# The comma is the format's own; the others are what spreadsheets of some languages, and databases, write.
DELIMITERS = (",", ";", "\t", "|")
Fields = Iterator[tuple[int, list[str]]]


def read_csv(stream: BinaryIO, source: str, wanted: Wanted) -> Records:
    """Read RFC 4180: a quoted field may hold delimiters, line ends and doubled quotes. Empty lines are skipped.

    The delimiter is the one that the header line has the wanted columns with: the comma where it does, else the only
    other one. So a file is never split where its header isn't.

    Raises:
        DataError: two delimiters other than the comma would do.
    """
    delimiter = wanted.delimiter or _delimiter(stream, source, wanted)
    return _records(_csv_fields(stream, source, delimiter, wanted.encoding), source, wanted)


def read_tsv(stream: BinaryIO, source: str, wanted: Wanted) -> Records:
    """Read tab-separated lines as GLUE's: a quote is a character like any other. Empty lines are skipped."""
    fields = (
        (number, text.split("\t"))
        for number, line in decoded_lines(stream, source, wanted.encoding)
        if (text := line.removesuffix("\n").removesuffix("\r"))
    )
    return _records(fields, source, wanted)


def _delimiter(stream: BinaryIO, source: str, wanted: Wanted) -> str:
    fits = []
    for delimiter in DELIMITERS:
        # What no delimiter reads is told as the format's own, the comma, reads it.
        with suppress(DataError):
            _, header = next(_csv_fields(stream, source, delimiter, wanted.encoding), (0, []))
            if set(wanted.names) <= set(header):
                fits.append(delimiter)
        stream.seek(0)
    if len(fits) > 1 and DELIMITERS[0] not in fits:
        raise DataError(
            f"{source}: its header has the wanted columns with each of the delimiters {listed(map(repr, fits))}",
            hint="name the right one in the recipe: data.delimiter",
        )
    return fits[0] if fits else DELIMITERS[0]


def _csv_fields(stream: BinaryIO, source: str, delimiter: str, encoding: str) -> Fields:
    # The module's own limit, 131,072 characters, is one for the whole process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    lines = (line for _, line in decoded_lines(stream, source, encoding))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
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
                    hint="in a .csv, texts that hold the delimiter need quotes; in a .tsv, a text must not hold tabs",
                )
            whole = [dict(zip(header, values, strict=True))] if wanted.whole else []
            yield number, [values[place] for place in places] + whole

    return Records(source, "line", header, rows())

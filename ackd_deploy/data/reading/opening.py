"""Opening a file of records: its ending names the format."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from ackd_deploy.data.reading.delimited import read_csv, read_tsv
from ackd_deploy.data.reading.encoding import decoded_lines
from ackd_deploy.data.reading.folder import read_folder
from ackd_deploy.data.reading.json_records import read_json, read_json_lines
from ackd_deploy.data.reading.parquet import read_parquet
from ackd_deploy.data.reading.records import Records, Row, Wanted
from ackd_deploy.errors import DataError

__all__ = ["FORMATS", "open_lines", "open_records", "opened", "read_lines"]

FORMATS: dict[str, Callable[[BinaryIO, str, Wanted], Records]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".parquet": read_parquet,
}


@contextmanager
def open_records(path: Path, wanted: Wanted) -> Iterator[Records]:
    """Open a local file for as long as the block lasts; its ending names the format. A folder holds one of each class.

    A .csv has commas and quotes (RFC 4180), or semicolons, tabs or bars where its header has the wanted columns with
    one of these and not with commas; a .tsv has tabs and no quoting, as GLUE's files: a quote in it is a character
    like any other. Both have a header line. A .jsonl or .ndjson has one JSON object a line, a .json an array of
    objects. A folder has the columns text, label and file: see `read_folder`. Text is UTF-8 unless ``wanted`` says
    otherwise, with or without a byte order mark; a record has at most 16 MiB.

    Raises:
        DataError: no such file, unknown ending, missing column, or content that isn't of the format; the last also
            while the rows are read.
        MissingExtra: a .parquet file, and pyarrow is not installed.
    """
    if path.is_dir():
        with _told(path):
            records = read_folder(path, wanted)
        yield replace(records, rows=_guarded(path, records.rows))
        return
    with opened(path) as stream:
        reader = FORMATS.get(path.suffix.lower())
        if reader is None:
            raise DataError(f"{path} is a file ending in {path.suffix!r}; labeled text comes as {', '.join(FORMATS)}")
        with _told(path):
            records = reader(stream, str(path), wanted)
        yield replace(records, rows=_guarded(path, records.rows))


@contextmanager
def open_lines(path: Path, column: str) -> Iterator[Records]:
    """Open a file of plain text for as long as the block lasts: each line is one text, of a column called ``column``.

    Raises:
        DataError: as `open_records` does.
    """
    with opened(path) as stream:
        yield read_lines(stream, str(path), column)


def read_lines(stream: BinaryIO, source: str, column: str) -> Records:
    """Read each line of a stream as one text, without its line end."""
    rows: Iterator[Row] = (
        (number, [line.removesuffix("\n").removesuffix("\r")]) for number, line in decoded_lines(stream, source)
    )
    return Records(source, "line", [column], rows)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a data file to read its bytes.

    Raises:
        DataError: it is missing, no ordinary file, or cannot be read.
    """
    if not path.exists():
        raise DataError(f"there is no file {path}", hint=_similar(path))
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no ordinary file"
        raise DataError(f"{path} is {what}; text comes in files, as {', '.join(FORMATS)}")
    with _told(path):
        stream = path.open("rb")
    with stream:
        yield stream


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _guarded(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    # Around the reading alone: an OSError of whoever uses the rows is none of this file's.
    while True:
        with _told(path):
            row = next(rows, None)
        if row is None:
            return
        yield row


def _similar(path: Path) -> str | None:
    try:
        present = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"the folder {path.parent} isn't there either; paths are relative to the current directory"
    close = difflib.get_close_matches(path.name, present, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else "paths are relative to the current directory"

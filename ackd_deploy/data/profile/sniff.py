"""Delimiter and encoding of a file that nothing is known of, by rules that a message can state."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ackd_deploy.data.problems import listed
from ackd_deploy.data.reading import Wanted, open_records
from ackd_deploy.data.reading.delimited import DELIMITERS
from ackd_deploy.data.reading.encoding import looks_western
from ackd_deploy.data.reading.folder import class_files
from ackd_deploy.data.reading.opening import opened
from ackd_deploy.data.tables import Table, read_table
from ackd_deploy.errors import DataError, UsageError

__all__ = ["Sniffed", "sniff"]

_RECORDS = 1000
_CHUNK = 2**20
# A folder of a class a text file is looked into, not read through.
_FILES = 1000


@dataclass(frozen=True, eq=False)
class Sniffed:
    """A file that was read without knowing it.

    Attributes:
        table: all of its columns; rows that are not of the format are left out.
        delimiter: of a .csv, None for other formats.
        encoding: of text files.
    """

    table: Table
    delimiter: str | None
    encoding: str


def sniff(path: Path, *, delimiter: str | None = None, encoding: str | None = None) -> Sniffed:
    """Read a file or folder with all its columns.

    Encoding: UTF-8 where the whole file is that, else Windows-1252 where the bytes look like a Western language.
    Delimiter of a .csv: the only one of comma, semicolon, tab and bar that splits the header, and with it the first
    1,000 records alike; where no one does the latter, the only one that splits the header; the comma for one column.

    Args:
        path: of the file, or of a folder with a folder for each class.
        delimiter: where it is known.
        encoding: where it is known.

    Raises:
        UsageError: several delimiters would do.
        DataError: the file cannot be read.
    """
    encoding = encoding or _encoding(path)
    delimiter = delimiter or _delimiter(path, encoding) if path.suffix.lower() == ".csv" and path.is_file() else None
    with open_records(path, Wanted([], delimiter=delimiter, encoding=encoding)) as records:
        columns = [name for name in records.columns if list(records.columns).count(name) == 1]
    table = read_table(path, columns, delimiter=delimiter, encoding=encoding, on_bad=lambda number, why: None)
    return Sniffed(table, delimiter, encoding)


def _encoding(path: Path) -> str:
    if path.suffix.lower() == ".parquet":
        return "utf-8"
    files = class_files(path)[:_FILES] if path.is_dir() else [path]
    for file in files:
        sample = _not_utf8(file)
        if sample is not None and looks_western(sample):
            return "cp1252"
    # What is neither is told by the reader, with the line.
    return "utf-8"


def _not_utf8(path: Path) -> bytes | None:
    """Return some of the file from its first bytes that are no UTF-8; None where all of it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened(path) as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return error.object[max(0, error.start - 100) :] + stream.read(_CHUNK)
            if not chunk:
                return None


def _delimiter(path: Path, encoding: str) -> str:
    splitting, even = [], []
    for mark in DELIMITERS:
        try:
            with open_records(path, Wanted([], delimiter=mark, encoding=encoding)) as records:
                if len(records.columns) < 2:
                    continue
                splitting.append(mark)
                for _ in islice(records.rows, _RECORDS):
                    pass
                even.append(mark)
        except DataError:
            continue
    fits = even or splitting
    if len(fits) > 1:
        raise UsageError(
            f"{path} may be separated by any of {listed(map(repr, fits))}", hint="say which: --delimiter ';'"
        )
    return fits[0] if fits else DELIMITERS[0]

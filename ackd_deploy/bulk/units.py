"""A folder of Parquet files as units that any process can read by itself: row ranges, by file and row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd_deploy.bulk.columns import COLUMN_HINT, TextColumns
from ackd_deploy.bulk.formats import unwritable
from ackd_deploy.bulk.items import Item, checked_item
from ackd_deploy.data.reading import Records, Wanted
from ackd_deploy.data.reading.parquet import read_values, readable
from ackd_deploy.errors import DataError

__all__ = ["Unit", "Units", "find_units", "read_unit"]


@dataclass(frozen=True)
class Unit:
    """Rows ``start`` to ``stop`` of one row group of a file; ``before`` rows of the file come before the row group."""

    file: Path
    row_group: int
    start: int
    stop: int
    before: int


@dataclass(frozen=True)
class Units:
    """All rows of a folder.

    Attributes:
        units: in the order of the files' names and of their rows.
        files: at least one.
        columns: of every file.
        fingerprint: SHA-256 of the files' names, sizes and footers, which hold place and statistics of each column.
    """

    units: list[Unit]
    files: list[Path]
    columns: list[str]
    fingerprint: str


def find_units(folder: Path, columns: TextColumns, rows: int) -> Units:
    """Look at the footers of all .parquet files directly in a folder.

    Args:
        folder: of files with the same columns and types.
        columns: of the texts.
        rows: of a unit, at most; a unit never holds rows of two row groups.

    Raises:
        DataError: no such file, a column is missing, or files differ in their columns.
        UsageError: pairs for a model of single texts.
        MissingExtra: pyarrow is not installed.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".parquet" and file.is_file())
    if not files:
        raise DataError(f"{folder} holds no .parquet file", hint="--engine ray and folders go with Parquet files")
    import pyarrow.parquet

    digest = hashlib.sha256()
    units, first = [], None
    for file in files:
        with readable(str(file)), pyarrow.parquet.ParquetFile(file) as opened:
            footer, schema = opened.metadata, opened.schema_arrow
            if first is None:
                first = schema
                Wanted(columns.names, COLUMN_HINT, whole=True).check(str(file), schema.names)
                columns.check(Records(str(file), "row", schema.names, iter(())))
            if not schema.equals(first):
                raise DataError(f"{file} has other columns or types than {files[0]}", hint="one folder, one table")
            before = 0
            for group in range(footer.num_row_groups):
                held = footer.row_group(group).num_rows
                units += [Unit(file, group, start, min(start + rows, held), before) for start in range(0, held, rows)]
                before += held
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        digest.update(_footer(file))
    return Units(units, files, list(first.names) if first is not None else [], digest.hexdigest())


def _footer(file: Path) -> bytes:
    """Return what a Parquet file ends with: the footer, its length in 4 bytes, and PAR1."""
    with file.open("rb") as stream:
        stream.seek(-8, 2)
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(-8 - length, 2)
        return stream.read(length)


def read_unit(unit: Unit, columns: TextColumns, *, skip: bool) -> list[Item]:
    """Return the records of a unit; numbers count the rows of the file, from 1.

    Raises:
        DataError: the file cannot be read, or rows cannot be used and ``skip`` is False.
    """
    import pyarrow.parquet

    source = str(unit.file)
    with readable(source), pyarrow.parquet.ParquetFile(unit.file) as opened:
        table = opened.read_row_group(unit.row_group).slice(unit.start, unit.stop - unit.start)
    first = unit.before + unit.start
    values: dict[str, list[Any]] = {
        name: read_values(table.column(name), name, source, first) for name in table.column_names
    }
    items = []
    for place in range(len(table)):
        record = {name: column[place] for name, column in values.items()}
        number = first + place + 1
        item = checked_item(number, [*(record[name] for name in columns.names), record], columns, unwritable(unit.file))
        if item.problem is not None and not skip:
            raise DataError(f"{source}, row {number}: {item.problem}", hint=item.hint)
        items.append(item)
    return items

"""Local files to columns: CSV, TSV, JSON Lines and Parquet, with the line or row number of each record."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ackd_deploy.data.problems import listed
from ackd_deploy.errors import DataError, MissingExtra, first_line

__all__ = ["Table", "missing_column", "read_table"]

Record = tuple[int, list[Any]]


@dataclass
class Table:
    """The wanted columns of a source.

    Attributes:
        source: what errors call it.
        noun: what ``numbers`` count: ``line`` (from 1, the header included) or ``row`` (from 1).
        numbers: [N] where each record stands.
        columns: name to [N] values as the source has them.
        class_names: for columns of class ids that carry names (Hugging Face's ClassLabel).
    """

    source: str
    noun: str
    numbers: list[int]
    columns: dict[str, list[Any]]
    class_names: dict[str, list[str]] = field(default_factory=dict)


def read_table(path: Path, wanted: Sequence[str]) -> Table:
    """Read the wanted columns of a local file; its ending names the format.

    A .csv has commas and quotes (RFC 4180); a .tsv has tabs and no quoting, as GLUE's files: a quote in it is a
    character like any other. Both have a header line. A .jsonl has one JSON object a line.

    Raises:
        DataError: no such file, unknown ending, missing column, or content that isn't of the format.
        MissingExtra: a .parquet file, and pyarrow is not installed.
    """
    readers: dict[str, Callable[[Path, Sequence[str]], Table]] = {
        ".csv": _read_csv,
        ".tsv": _read_tsv,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if not path.exists():
        raise DataError(f"there is no file {path}", hint=_similar(path))
    if reader is None or not path.is_file():
        what = "a folder" if path.is_dir() else f"a file ending in {path.suffix!r}"
        raise DataError(
            f"{path} is {what}; labeled text comes as {', '.join(readers)}",
            hint="JSON Lines has one object a line, in a file that ends in .jsonl" if path.suffix == ".json" else None,
        )
    try:
        return reader(path, wanted)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def missing_column(source: str, wanted: str, present: Sequence[str]) -> DataError:
    """Return the error for a column that isn't there, with a guess at what was meant."""
    close = difflib.get_close_matches(wanted, present, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return DataError(
        f"{source} has no column {wanted!r}; it has {listed(map(repr, present)) or 'none'}",
        hint=f"{guess}data.text, data.text_pair and data.label of the recipe name the columns",
    )


def _similar(path: Path) -> str | None:
    try:
        present = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"the folder {path.parent} isn't there either; paths are relative to the current directory"
    close = difflib.get_close_matches(path.name, present, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else "paths are relative to the current directory"


def _decoded(path: Path) -> Iterator[str]:
    """Yield lines with their line ends; a byte order mark is dropped."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                # utf-8-sig on the first line alone: later on the mark is an ordinary character.
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, line {number}: not valid UTF-8 at byte {error.start + 1} of the line",
                    hint="save the file as UTF-8, for example: iconv -f LATIN1 -t UTF-8",
                ) from error


def _collect(path: Path, header: list[str], wanted: Sequence[str], records: Iterator[Record]) -> Table:
    """Pick the wanted columns out of delimited records."""
    for name in wanted:
        if name not in header:
            raise missing_column(str(path), name, header)
        if header.count(name) > 1:
            raise DataError(f"{path} has {header.count(name)} columns called {name!r}")
    places = {name: header.index(name) for name in wanted}
    table = Table(str(path), "line", [], {name: [] for name in places})
    for number, values in records:
        if len(values) != len(header):
            raise DataError(
                f"{path}, line {number}: {len(values)} fields where the header has {len(header)}",
                hint="in a .csv, a text with commas needs quotes; in a .tsv, a text must not hold tabs",
            )
        table.numbers.append(number)
        for name, place in places.items():
            table.columns[name].append(values[place])
    return table


def _read_csv(path: Path, wanted: Sequence[str]) -> Table:
    reader = csv.reader(_decoded(path), strict=True)

    def records() -> Iterator[Record]:
        while True:
            # A quoted field may span lines: the record is called by the line that it starts on.
            start = reader.line_num + 1
            try:
                values = next(reader, None)
            except csv.Error as error:
                raise DataError(
                    f"{path}, line {start}: not valid CSV: {error}",
                    hint='a quote inside a quoted text is written twice (""); a file with tabs is called .tsv',
                ) from error
            if values is None:
                return
            if values:
                yield start, values

    rows = records()
    _, header = next(rows, (0, []))
    return _collect(path, header, wanted, rows)


def _read_tsv(path: Path, wanted: Sequence[str]) -> Table:
    rows = (
        (number, text.split("\t"))
        for number, line in enumerate(_decoded(path), 1)
        if (text := line.removesuffix("\n").removesuffix("\r"))
    )
    _, header = next(rows, (0, []))
    return _collect(path, header, wanted, rows)


def _read_jsonl(path: Path, wanted: Sequence[str]) -> Table:
    table = Table(str(path), "line", [], {name: [] for name in wanted})
    for number, line in enumerate(_decoded(path), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            what = error.args[0] if error.args else type(error).__name__
            raise DataError(f"{path}, line {number}: not valid JSON: {what}") from error
        if not isinstance(record, dict):
            raise DataError(f'{path}, line {number}: a JSON object is expected, such as {{"text": ...}}')
        if not table.numbers:
            for name in wanted:
                if name not in record:
                    raise missing_column(f"{path}, line {number},", name, list(record))
        table.numbers.append(number)
        for name in table.columns:
            # A key that later records lack is a missing value, reported with its line.
            table.columns[name].append(record.get(name))
    return table


def _read_parquet(path: Path, wanted: Sequence[str]) -> Table:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingExtra(
            "reading Parquet needs pyarrow, which is not installed", hint="pip install pyarrow"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            for name in wanted:
                if name not in schema.names:
                    raise missing_column(str(path), name, schema.names)
            table = Table(str(path), "row", [], {name: [] for name in wanted}, _parquet_class_names(schema.metadata))
            for batch in file.iter_batches(columns=list(dict.fromkeys(wanted))):
                for name, column in table.columns.items():
                    column.extend(batch.column(name).to_pylist())
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is not a readable Parquet file: {first_line(error)}") from error
    table.numbers = list(range(1, len(table.columns[wanted[0]]) + 1))
    return table


def _parquet_class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the class names that `datasets` leaves in the files it writes."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}

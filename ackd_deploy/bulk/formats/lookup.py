"""From the ending of a file to its format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ackd_deploy.bulk.formats.base import Column, Format, surrogate_problem
from ackd_deploy.bulk.formats.delimited import Csv, Tsv, tsv_problem
from ackd_deploy.bulk.formats.json_records import JsonArray, JsonLines
from ackd_deploy.bulk.formats.parquet import Parquet
from ackd_deploy.errors import UsageError
from ackd_deploy.extras import need

__all__ = ["check_output", "make_format", "unwritable"]

Problem = Callable[[dict[str, Any]], str | None]

_TEXT: dict[str, type[Format]] = {
    ".csv": Csv,
    ".tsv": Tsv,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonArray,
}
_PARQUET = ".parquet"
_UNWRITABLE: dict[str, Problem] = {".csv": surrogate_problem, ".tsv": tsv_problem, _PARQUET: surrogate_problem}


def check_output(path: Path) -> None:
    """Refuse an output that no format writes.

    Raises:
        UsageError: an unknown ending, or a folder.
        MissingExtra: Parquet, and pyarrow is not installed.
    """
    if path.suffix.lower() not in {*_TEXT, _PARQUET}:
        raise UsageError(
            f"{path}: the ending names the format, and {path.suffix!r} is none of {', '.join([*_TEXT, _PARQUET])}"
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder; the output is one file")
    if path.suffix.lower() == _PARQUET:
        need("parquet")


def unwritable(path: Path) -> Problem:
    """Return the function that says why a record cannot stand in such a file (None: it can)."""
    return _UNWRITABLE.get(path.suffix.lower(), lambda _: None)


def make_format(path: Path, columns: Sequence[Column], labels: Sequence[str], source: Path) -> Format:
    """Return the format that an output's ending names.

    Args:
        path: of the output; see `check_output`.
        columns: of the output.
        labels: names of the classes.
        source: the input.
    """
    suffix = path.suffix.lower()
    if suffix == _PARQUET:
        return Parquet(columns, labels, source if source.suffix.lower() == _PARQUET else None)
    return _TEXT[suffix](columns)

"""Texts to classify, from a file of any format that training reads, or of plain lines; the rules are training's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ackd_deploy.bulk.columns import COLUMN_HINT, TextColumns
from ackd_deploy.data.problems import Problems
from ackd_deploy.data.reading import FORMATS, Records, Wanted, open_lines, open_records
from ackd_deploy.data.texts import text_problem
from ackd_deploy.tasks.text import Text, joined

__all__ = ["check_file", "chunked", "open_texts"]


@contextmanager
def open_texts(path: Path, columns: TextColumns) -> Iterator[Records]:
    """Open a file of texts, or of pairs, for as long as the block lasts.

    A table (.csv, .tsv, .jsonl, .ndjson, .json, .parquet, or one folder a class) has these columns; any other file is
    plain text, a text on each line.

    Raises:
        DataError: no such file, missing column, or content that isn't of the format; the last also while the rows
            are read.
        UsageError: a file of pairs for a model of single texts.
        MissingExtra: a .parquet file, and pyarrow is not installed.
    """
    if path.suffix.lower() not in FORMATS and not path.is_dir():
        with open_lines(path, columns.text) as records:
            yield records
        return
    with open_records(path, Wanted(columns.names, COLUMN_HINT)) as records:
        columns.check(records)
        yield records


def chunked(records: Records, size: int, columns: Sequence[str] = ("text", "text_pair")) -> Iterator[list[Text]]:
    """Yield the texts in lists of ``size``, the last one smaller; each is checked whole before it is yielded.

    Raises:
        DataError: rows of a list cannot be used, with their numbers.
    """
    while rows := list(islice(records.rows, size)):
        problems = Problems(records.source, records.noun)
        for number, values in rows:
            _note(problems, number, values, columns)
        problems.raise_if_any()
        yield [joined(*values) for _, values in rows]


def check_file(path: Path, columns: TextColumns) -> None:
    """Read a whole file once, so that every mistake in it is told at once and before anything is computed.

    Raises:
        DataError: as training tells it; and all else that `open_texts` raises.
    """
    with open_texts(path, columns) as records:
        problems = Problems(records.source, records.noun)
        for number, values in records.rows:
            _note(problems, number, values, columns.names)
        problems.raise_if_any()


def _note(problems: Problems, number: int, values: list[Any], columns: Sequence[str]) -> None:
    for column, value in zip(columns, values, strict=False):
        if found := text_problem(value, column):
            kind, hint = found
            problems.add(kind, number, hint)

"""Texts to classify, from a file of any format that training reads, or of plain lines; the rules are training's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ackd_deploy.data.problems import Problems
from ackd_deploy.data.reading import FORMATS, Records, Wanted, open_lines, open_records
from ackd_deploy.data.texts import text_problem
from ackd_deploy.errors import UsageError
from ackd_deploy.tasks.text import Text, joined

__all__ = ["TEXT", "check_file", "chunked", "open_texts"]

TEXT = "text"
_PAIR = "text_pair"
_HINT = "name the column 'text', and the second of a pair 'text_pair'"


@contextmanager
def open_texts(path: Path, *, pairs: bool) -> Iterator[Records]:
    """Open a file of texts, or of pairs, for as long as the block lasts.

    A table (.csv, .tsv, .jsonl, .ndjson, .json, .parquet, or one folder a class) has the column ``text``, and
    ``text_pair`` for pairs; any other file is plain text, a text on each line.

    Raises:
        DataError: no such file, missing column, or content that isn't of the format; the last also while the rows
            are read.
        UsageError: a file of pairs for a model of single texts.
        MissingExtra: a .parquet file, and pyarrow is not installed.
    """
    if path.suffix.lower() not in FORMATS and not path.is_dir():
        with open_lines(path, TEXT) as records:
            yield records
        return
    with open_records(path, Wanted([TEXT, _PAIR] if pairs else [TEXT], _HINT)) as records:
        if not pairs and _PAIR in records.columns:
            raise UsageError(
                f"{records.source} has a column {_PAIR!r}: this model takes single texts",
                hint="remove or rename the column, or use a model of pairs",
            )
        yield records


def chunked(records: Records, size: int) -> Iterator[list[Text]]:
    """Yield the texts in lists of ``size``, the last one smaller; each is checked whole before it is yielded.

    Raises:
        DataError: rows of a list cannot be used, with their numbers.
    """
    while rows := list(islice(records.rows, size)):
        problems = Problems(records.source, records.noun)
        for number, values in rows:
            _note(problems, number, values)
        problems.raise_if_any()
        yield [joined(*values) for _, values in rows]


def check_file(path: Path, *, pairs: bool) -> None:
    """Read a whole file once, so that every mistake in it is told at once and before anything is computed.

    Raises:
        DataError: as training tells it; and all else that `open_texts` raises.
    """
    with open_texts(path, pairs=pairs) as records:
        problems = Problems(records.source, records.noun)
        for number, values in records.rows:
            _note(problems, number, values)
        problems.raise_if_any()


def _note(problems: Problems, number: int, values: list[Any]) -> None:
    for column, value in zip((TEXT, _PAIR), values, strict=False):
        if found := text_problem(value, column):
            kind, hint = found
            problems.add(kind, number, hint)

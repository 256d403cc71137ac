"""Whole records of a file with their texts, each with what is wrong with it; nothing is held but the one at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd_deploy.bulk.columns import COLUMN_HINT, TextColumns
from ackd_deploy.data.reading import FORMATS, Records, Wanted, open_lines, open_records
from ackd_deploy.data.texts import text_problem
from ackd_deploy.tasks.text import Text, joined

__all__ = ["Item", "Items", "checked_item", "open_items"]


@dataclass(frozen=True, slots=True)
class Item:
    """One record: its number in the file, and either its columns and text, or what is wrong with it and what helps."""

    number: int
    record: dict[str, Any]
    text: Text
    problem: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Items:
    """An open file of records; ``noun`` and ``columns`` as in `Records`."""

    source: str
    noun: str
    columns: list[str]
    items: Iterator[Item]


@contextmanager
def open_items(
    path: Path, columns: TextColumns, *, unwritable: Callable[[dict[str, Any]], str | None], skip: bool
) -> Iterator[Items]:
    """Open a file of a known format, or else of plain lines, for as long as the block lasts.

    Args:
        path: of the file.
        columns: of the texts.
        unwritable: says why the output cannot hold a record (None: it can).
        skip: a record that is not of the format is an item with a problem, and not an error.

    Raises:
        DataError: as `open_records` does.
        UsageError: a file of pairs for a model of single texts.
        MissingExtra: Parquet, and pyarrow is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        with open_lines(path, columns.text) as records:
            rows = ((number, [*values, {columns.text: values[0]}]) for number, values in records.rows)
            items = (checked_item(number, values, columns, unwritable) for number, values in rows)
            yield Items(records.source, records.noun, [columns.text], items)
        return
    bad: list[tuple[int, str]] = []
    wanted = Wanted(columns.names, COLUMN_HINT, whole=True, on_bad=(lambda *found: bad.append(found)) if skip else None)
    with open_records(path, wanted) as records:
        columns.check(records)
        yield Items(records.source, records.noun, list(records.columns), _merged(records, bad, columns, unwritable))


def _merged(
    records: Records,
    bad: list[tuple[int, str]],
    columns: TextColumns,
    unwritable: Callable[[dict[str, Any]], str | None],
) -> Iterator[Item]:
    """Put what the reader leaves out back into its place: before the next record that it gives."""
    for number, values in records.rows:
        yield from _left_out(bad)
        yield checked_item(number, values, columns, unwritable)
    yield from _left_out(bad)


def _left_out(bad: list[tuple[int, str]]) -> Iterator[Item]:
    yield from (Item(number, {}, "", mistake) for number, mistake in bad)
    bad.clear()


def checked_item(
    number: int, values: list[Any], columns: TextColumns, unwritable: Callable[[dict[str, Any]], str | None]
) -> Item:
    """Return a record as an item; ``values`` are the texts and then the whole record."""
    *texts, record = values
    for column, value in zip(columns.names, texts, strict=True):
        if found := text_problem(value, column):
            return Item(number, {}, "", *found)
    if problem := unwritable(record):
        return Item(number, {}, "", problem, "write another format, such as .jsonl")
    return Item(number, record, joined(*texts))

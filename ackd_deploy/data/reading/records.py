"""What every format is read as, and the errors that all of them share."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ackd_deploy.data.problems import listed
from ackd_deploy.errors import DataError

__all__ = ["MAX_RECORD_BYTES", "RECIPE_COLUMNS", "Records", "Row", "Wanted", "missing_column"]

Row = tuple[int, list[Any]]

# A file without line ends, or with a quote that nothing closes, would be read into memory whole.
MAX_RECORD_BYTES = 16 * 2**20

RECIPE_COLUMNS = "data.text, data.text_pair and data.label of the recipe name the columns"


@dataclass(frozen=True)
class Wanted:
    """Columns to read.

    Attributes:
        names: in the order that values come in.
        hint: where these names come from, for the error about one that is missing.
        whole: after the wanted values comes the whole record, a dict of all columns by name, in the file's order.
        on_bad: takes number and mistake of a record that isn't of the format, and reading goes on with the next one;
            None: it is an error. After what breaks the rest of a file too there is no next one: always an error.
        delimiter: between the fields of a .csv; None: found by its header line, see `open_records`.
        encoding: of text files, by Python's name for it; a byte order mark of UTF-8 is dropped.
    """

    names: Sequence[str]
    hint: str = RECIPE_COLUMNS
    whole: bool = False
    on_bad: Callable[[int, str], None] | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"

    def check(self, source: str, present: Sequence[str]) -> None:
        """Refuse a source that lacks a wanted column, or has it twice.

        Raises:
            DataError: naming the column.
        """
        for name in self.names:
            if name not in present:
                raise missing_column(source, name, present, self.hint)
        for name in present if self.whole else self.names:
            if present.count(name) > 1:
                raise DataError(
                    f"{source} has {present.count(name)} columns called {name!r}", hint="rename or remove one of them"
                )


@dataclass(frozen=True)
class Records:
    """An open source of records; nothing is held but the record at hand.

    Attributes:
        source: what errors call it.
        noun: what numbers count: ``line`` (from 1, a header included), ``row`` or ``file`` (from 1).
        columns: all names that the header, the schema or the first record has.
        rows: the number of each record and its wanted values, to be gone through once.
        class_names: for columns of class ids, or of lists of them, that carry names (Hugging Face's ClassLabel).
    """

    source: str
    noun: str
    columns: Sequence[str]
    rows: Iterator[Row]
    class_names: dict[str, list[str]] = field(default_factory=dict)


def missing_column(source: str, wanted: str, present: Sequence[str], hint: str = RECIPE_COLUMNS) -> DataError:
    """Return the error for a column that isn't there, with a guess at what was meant."""
    close = difflib.get_close_matches(wanted, present, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    if len(present) == 1 and (found := next((mark for mark in ";,\t|" if mark in present[0]), None)):
        guess = f"the header looks separated by {found!r}; "
    return DataError(
        f"{source} has no column {wanted!r}; it has {listed(map(repr, present)) or 'none'}", hint=f"{guess}{hint}"
    )

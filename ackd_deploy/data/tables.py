"""Local files to columns, held in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ackd_deploy.data.reading import Wanted, open_records
from ackd_deploy.data.reading.records import RECIPE_COLUMNS

__all__ = ["Table", "read_table"]


@dataclass
class Table:
    """The wanted columns of a source.

    Attributes:
        source: what errors call it.
        noun: what ``numbers`` count: ``line`` (from 1, the header included), ``row`` or ``file`` (from 1).
        numbers: [N] where each record stands.
        columns: name to [N] values as the source has them.
        class_names: for columns of class ids, or of lists of them, that carry names (Hugging Face's ClassLabel).
        present: the names of all columns of the source, whether they were wanted or not.
    """

    source: str
    noun: str
    numbers: list[int]
    columns: dict[str, list[Any]]
    class_names: dict[str, list[str]] = field(default_factory=dict)
    present: Sequence[str] = ()

    def without(self, numbers: Collection[int]) -> Table:
        """Return the table without the rows of these numbers."""
        kept = [place for place, number in enumerate(self.numbers) if number not in numbers]
        columns = {name: [values[place] for place in kept] for name, values in self.columns.items()}
        return replace(self, numbers=[self.numbers[place] for place in kept], columns=columns)


def read_table(
    path: Path,
    wanted: Sequence[str],
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    on_bad: Callable[[int, str], None] | None = None,
    hint: str = RECIPE_COLUMNS,
) -> Table:
    """Read the wanted columns of a local file; see `open_records` for the formats.

    Args:
        path: of the file, or of a folder with a folder for each class.
        wanted: names of columns.
        delimiter: of a .csv; None: found by its header line.
        encoding: of text files.
        on_bad: takes number and mistake of a record that isn't of the format; None: it is an error.
        hint: where the names come from, for the error about one that is missing.

    Raises:
        DataError: no such file, unknown ending, missing column, or content that isn't of the format.
        MissingExtra: a .parquet file, and pyarrow is not installed.
    """
    names = list(dict.fromkeys(wanted))
    columns: list[list[Any]] = [[] for _ in names]
    numbers = []
    with open_records(path, Wanted(names, hint, delimiter=delimiter, encoding=encoding, on_bad=on_bad)) as records:
        for number, values in records.rows:
            numbers.append(number)
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        return Table(
            records.source,
            records.noun,
            numbers,
            dict(zip(names, columns, strict=True)),
            records.class_names,
            records.columns,
        )

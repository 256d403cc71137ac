"""The label column as numbers, for each type of problem; what is wrong with single rows is collected."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.console import warn
from ackd_deploy.data.labels import align, is_generic, match_names
from ackd_deploy.data.problems import Problems, listed
from ackd_deploy.data.tables import Table
from ackd_deploy.errors import DataError
from ackd_deploy.tasks.label_names import label_name_problem

__all__ = ["NAME_HINT", "Targets", "classes", "flags", "label_sets", "scores"]

Targets = tuple[npt.NDArray[Any], tuple[str, ...]]
_MAX_CLASSES = 10_000
_FLAGS = {"1": 1.0, "0": 0.0, "true": 1.0, "false": 0.0, "1.0": 1.0, "0.0": 0.0}
_MISSING = "missing label in column {column!r}"
_FILL = "remove the rows without a label, or label them"
NAME_HINT = "label names are short, on one line; data.label_names gives each value of the column its name"


def scores(table: Table, column: str, problems: Problems) -> Targets:
    """Return regression targets, [N] float32, and the one name ``score``."""
    targets = np.zeros(len(table.numbers), dtype=np.float32)
    for row, (number, value) in enumerate(zip(table.numbers, table.columns[column], strict=True)):
        if value is None or value == "":
            problems.add(_MISSING.format(column=column), number, _FILL)
            continue
        try:
            target = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            target = math.nan
        if math.isfinite(target) and abs(target) <= np.finfo(np.float32).max:
            targets[row] = target
        else:
            problems.add(
                f"label {value!r:.40} in column {column!r} is no finite number",
                number,
                "with data.problem_type: regression, labels are numbers",
            )
    return targets, ("score",)


def classes(
    table: Table,
    column: str,
    mapping: Mapping[str, str] | None,
    known: Sequence[str] | None,
    problems: Problems,
) -> Targets:
    """Return class ids, [N] int64, and the names they count."""
    reader = _NameReader(table, column, mapping, problems)
    given = [reader.name(number, value) for number, value in zip(table.numbers, table.columns[column], strict=True)]
    problems.raise_if_any()
    names = _aligned(table, reader, [name for name in given if name is not None], known, problems)
    index = {name: place for place, name in enumerate(names)}
    found = match_names(sorted({name for name in given if name is not None}), names)
    ids = np.array([index[found[name]] for name in given if name is not None], dtype=np.int64)
    return ids, names


def label_sets(
    table: Table,
    column: str,
    mapping: Mapping[str, str] | None,
    known: Sequence[str] | None,
    problems: Problems,
) -> Targets:
    """Return multi-label targets, [N, C] float32, of a column that holds a list of labels in each row."""
    reader = _NameReader(table, column, mapping, problems)
    _refuse_multi_hot(table, column)
    given: list[list[str]] = []
    for number, values in zip(table.numbers, table.columns[column], strict=True):
        if not isinstance(values, list):
            problems.add(
                f"no list of labels in column {column!r}",
                number,
                "multi-label data has one column of zeros and ones for each label (data.label: [a, b, ...]), or, in "
                ".jsonl and .parquet, one column with a list of names",
            )
            continue
        names_of_row = [name for value in values if (name := reader.name(number, value)) is not None]
        for name in {name for name in names_of_row if names_of_row.count(name) > 1}:
            problems.add(f"label {name!r} twice in column {column!r}", number, "a row lists each of its labels once")
        given.append(names_of_row)
    problems.raise_if_any()
    names = _aligned(table, reader, [name for row in given for name in row], known, problems)
    index = {name: place for place, name in enumerate(names)}
    found = match_names(sorted({name for row in given for name in row}), names)
    targets = np.zeros((len(given), len(names)), dtype=np.float32)
    for row, labels in enumerate(given):
        targets[row, [index[found[name]] for name in labels]] = 1.0
    return targets, names


def _refuse_multi_hot(table: Table, column: str) -> None:
    """Refuse [1, 0, 1], a flag for each label: read as a list of labels it would be the classes "0" and "1"."""
    rows = table.columns[column]
    lengths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if len(lengths) != 1 or max(lengths) < 2 or len(rows) < 2:
        return
    if all(str(value).lower() in _FLAGS for row in rows for value in row):
        raise DataError(
            f"{table.source}: column {column!r} holds {max(lengths)} zeros and ones in each row, not names",
            hint="make one column of each place and list them (data.label: [a, b, ...]), or give each row the list of "
            "its labels' names",
        )


def flags(
    table: Table,
    columns: Sequence[str],
    mapping: Mapping[str, str] | None,
    known: Sequence[str] | None,
    problems: Problems,
) -> Targets:
    """Return multi-label targets, [N, C] float32, of one column of zeros and ones for each label."""
    own = [(mapping or {}).get(column, column) for column in columns]
    names = align(own, known, source=table.source)
    found = match_names(own, names)
    absent = [name for name in names if name not in found.values()]
    if absent:
        raise DataError(
            f"{table.source}: the teacher has labels without a column: {listed(map(repr, absent))}",
            hint="data.label lists one column for each of the teacher's labels",
        )
    targets = np.zeros((len(table.numbers), len(names)), dtype=np.float32)
    for column, name in zip(columns, own, strict=True):
        place = names.index(found[name])
        for row, (number, value) in enumerate(zip(table.numbers, table.columns[column], strict=True)):
            flag = None if value is None or value == "" else _FLAGS.get(str(value).strip().lower())
            if value is None or value == "":
                problems.add(_MISSING.format(column=column), number, _FILL)
            elif flag is None:
                problems.add(f"label {value!r:.40} in column {column!r}", number, "multi-label columns hold 0 or 1")
            else:
                targets[row, place] = flag
    return targets, names


class _NameReader:
    """Turns single values of a label column into class names."""

    def __init__(self, table: Table, column: str, mapping: Mapping[str, str] | None, problems: Problems) -> None:
        self.column = column
        self.mapping = dict(mapping or {})
        self.class_names = table.class_names.get(column, [])
        self._declared = set(self.mapping.values())
        self._problems = problems

    @property
    def declared(self) -> list[str]:
        """Names whose order somebody has laid down, or none."""
        if self.mapping:
            keys = list(self.mapping)
            if all(re.fullmatch(r"-?\d+", key) for key in keys):
                keys.sort(key=int)
            return list(dict.fromkeys(self.mapping[key] for key in keys))
        return self.class_names

    def name(self, number: int, value: Any) -> str | None:
        """Return the name that a value stands for, or None after noting what is wrong with it."""
        column = self.column
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is None or (isinstance(value, str) and not value.strip()) or (self.class_names and value == -1):
            # -1 is how the hub writes that a test split keeps its labels to itself.
            self._problems.add(_MISSING.format(column=column), number, _FILL)
            return None
        if isinstance(value, bool) or not (isinstance(value, str) or whole):
            self._problems.add(
                f"label {value!r:.40} in column {column!r} is no string but {type(value).__name__}",
                number,
                "class labels are strings or whole numbers; for numbers as targets set data.problem_type: regression",
            )
            return None
        text = str(value).strip()
        if self.class_names and whole:
            if not 0 <= value < len(self.class_names):
                self._problems.add(f"label {value} has no name in column {column!r}", number, "names come from the hub")
                return None
            if text not in self.mapping:
                text = self.class_names[value]
        if self.mapping:
            return self._mapped(number, text)
        if problem := label_name_problem(text):
            self._problems.add(f"label {text!r:.40} in column {column!r} {problem}", number, NAME_HINT)
            return None
        if re.fullmatch(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?|nan|NaN", text):
            self._problems.add(
                f"label {text!r} in column {column!r} is a number, no class name",
                number,
                "for numbers as targets set data.problem_type: regression; for classes, name them in data.label_names",
            )
            return None
        return text

    def _mapped(self, number: int, text: str) -> str | None:
        if text in self.mapping:
            return self.mapping[text]
        if text in self._declared:
            # The column has the name itself already, as the hub's copy of a set whose file has 0 and 1.
            return text
        self._problems.add(
            f"label {text!r} in column {self.column!r} is not in data.label_names",
            number,
            f"data.label_names knows {listed(map(repr, self.mapping))}",
        )
        return None


def _aligned(
    table: Table, reader: _NameReader, given: list[str], known: Sequence[str] | None, problems: Problems
) -> tuple[str, ...]:
    """Return the names that ids count, given the names in the data and those that the model knows."""
    present = set(given)
    declared = reader.declared
    if len(present) > _MAX_CLASSES:
        raise DataError(
            f"{table.source} has {len(present)} different labels in column {reader.column!r}",
            hint="is data.label the right column? For numbers as targets set data.problem_type: regression",
        )
    names = declared or _natural_order(present)
    if known is None or is_generic(known):
        aligned = align(names, known, source=table.source)
        if known is not None and aligned == tuple(names) and not declared and aligned != tuple(known):
            warn(
                f"the model calls its labels {listed(known, 3)}; they are taken to be {listed(names)}, in this order "
                "(data.label_names lays down another)"
            )
        return aligned
    found = match_names(sorted(present), known)
    unknown = present - found.keys()
    if unknown:
        hint = (
            f"the known labels are {listed(map(repr, known))}; data.label_names gives each value of the column its name"
        )
        for number, values in zip(table.numbers, table.columns[reader.column], strict=True):
            for value in values if isinstance(values, list) else [values]:
                name = reader.name(number, value)
                if name in unknown:
                    problems.add(f"label {name!r}, which is none of {listed(known)}", number, hint)
        problems.raise_if_any()
    return tuple(known)


def _natural_order(names: set[str]) -> list[str]:
    """Return names sorted: as numbers where all are whole numbers, else as text."""
    if all(re.fullmatch(r"-?\d+", name) for name in names):
        return sorted(names, key=int)
    return sorted(names)

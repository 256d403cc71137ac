"""Single values of a label column as names, and the order in which class ids count these names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ackd_deploy.console import warn
from ackd_deploy.data.labels.align import align, is_generic, match_names
from ackd_deploy.data.problems import Problems, listed
from ackd_deploy.data.tables import Table
from ackd_deploy.errors import DataError
from ackd_deploy.tasks.label_names import label_name_problem

__all__ = ["FILL_HINT", "NAME_HINT", "NameReader", "aligned_names", "is_missing", "missing", "plain_label"]

_MAX_CLASSES = 10_000
FILL_HINT = "remove the rows without a label, or label them"
NAME_HINT = "label names are short, on one line; data.label_names gives each value of the column its name"


def is_missing(value: Any) -> bool:
    """Whether a cell holds no label: nothing, blanks, or the NaN that stands for a gap in a column of numbers."""
    return value is None or (isinstance(value, str) and not value.strip()) or value != value


def plain_label(text: str) -> str:
    """Return a label as every format spells it: a whole number without a point, true and false in small letters.

    >>> plain_label("1.0"), plain_label("True"), plain_label("1.5"), plain_label("007")
    ('1', 'true', '1.5', '007')
    """
    if text.lower() in {"true", "false"}:
        return text.lower()
    return text.partition(".")[0] if re.fullmatch(r"[-+]?\d+\.0*", text) else text


def missing(column: str) -> str:
    """Return what is said of a row without a label."""
    return f"missing label in column {column!r}"


class NameReader:
    """Turns single values of a label column into class names."""

    def __init__(self, table: Table, column: str, mapping: Mapping[str, str] | None, problems: Problems) -> None:
        self.column = column
        self.mapping = dict(mapping or {})
        self.class_names = table.class_names.get(column, [])
        self._declared = set(self.mapping.values())
        self._problems = problems

    @property
    def declared(self) -> list[str]:
        """Names whose order the recipe or the data set gives, or none."""
        if self.mapping:
            keys = list(self.mapping)
            if all(re.fullmatch(r"-?\d+", key) for key in keys):
                keys.sort(key=int)
            return list(dict.fromkeys(self.mapping[key] for key in keys))
        return self.class_names

    def name(self, number: int, value: Any) -> str | None:
        """Return the name that a value stands for, or None after noting what is wrong with it."""
        column = self.column
        if is_missing(value) or (self.class_names and value == -1):
            # -1 is how the hub writes that a test split keeps its labels to itself.
            self._problems.add(missing(column), number, FILL_HINT)
            return None
        if isinstance(value, float) and value.is_integer():
            # A column of whole numbers with gaps comes as floating-point from pandas.
            value = int(value)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (isinstance(value, (str, bool)) or whole):
            self._problems.add(
                f"label {value!r:.40} in column {column!r} is no string but {type(value).__name__}",
                number,
                "class labels are strings or whole numbers; for numbers as targets set data.problem_type: regression",
            )
            return None
        text = str(value).strip()
        if text not in self.mapping and text not in self._declared:
            text = plain_label(text)
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


def aligned_names(
    table: Table, reader: NameReader, given: list[str], known: Sequence[str] | None, problems: Problems
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

"""The label column as numbers, for each type of problem; what is wrong with single rows is collected."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.labels.align import align, match_names
from ackd_deploy.data.labels.names import FILL_HINT, NameReader, aligned_names, missing
from ackd_deploy.data.problems import Problems, listed
from ackd_deploy.data.tables import Table
from ackd_deploy.errors import DataError

__all__ = ["Targets", "classes", "flags", "label_sets", "scores"]

Targets = tuple[npt.NDArray[Any], tuple[str, ...]]
_FLAGS = {"1": 1.0, "0": 0.0, "true": 1.0, "false": 0.0, "1.0": 1.0, "0.0": 0.0}


def scores(table: Table, column: str, problems: Problems) -> Targets:
    """Return regression targets, [N] float32, and the one name ``score``."""
    targets = np.zeros(len(table.numbers), dtype=np.float32)
    for row, (number, value) in enumerate(zip(table.numbers, table.columns[column], strict=True)):
        if value is None or value == "":
            problems.add(missing(column), number, FILL_HINT)
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
                "with data.problem_type: regression, labels are numbers, with a point and no comma",
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
    reader = NameReader(table, column, mapping, problems)
    given = [reader.name(number, value) for number, value in zip(table.numbers, table.columns[column], strict=True)]
    problems.raise_if_any()
    labels = [name for name in given if name is not None]
    names = aligned_names(table, reader, labels, known, problems)
    index = {name: place for place, name in enumerate(names)}
    found = match_names(sorted(set(labels)), names)
    ids = np.array([index[found[name]] for name in labels], dtype=np.int64)
    return ids, names


def label_sets(
    table: Table,
    column: str,
    mapping: Mapping[str, str] | None,
    known: Sequence[str] | None,
    problems: Problems,
) -> Targets:
    """Return multi-label targets, [N, C] float32, of a column that holds a list of labels in each row.

    A list of names or ids says which labels the row has; where every row has as many zeros and ones, and one of them
    the same twice, it is a flag for each label: see `_places`.
    """
    if width := _places(table, column):
        return _flag_lists(table, column, width, mapping, known)
    reader = NameReader(table, column, mapping, problems)
    given: list[list[str]] = []
    for number, values in zip(table.numbers, table.columns[column], strict=True):
        if not isinstance(values, list):
            problems.add(
                f"no list of labels in column {column!r}",
                number,
                "multi-label data has one column of zeros and ones for each label (data.label: [a, b, ...]), or, in "
                ".jsonl and .parquet, one column with a list of names, or of zeros and ones",
            )
            continue
        names_of_row = [name for value in values if (name := reader.name(number, value)) is not None]
        for name in [name for name, count in Counter(names_of_row).items() if count > 1]:
            problems.add(f"label {name!r} twice in column {column!r}", number, "a row lists each of its labels once")
        given.append(names_of_row)
    problems.raise_if_any()
    names = aligned_names(table, reader, [name for row in given for name in row], known, problems)
    index = {name: place for place, name in enumerate(names)}
    found = match_names(sorted({name for row in given for name in row}), names)
    targets = np.zeros((len(given), len(names)), dtype=np.float32)
    for row, labels in enumerate(given):
        targets[row, [index[found[name]] for name in labels]] = 1.0
    return targets, names


def _places(table: Table, column: str) -> int:
    """Return how many flags each row of a multi-hot column has, such as 3 for [1, 0, 1]; 0 where it lists labels.

    No list of labels has one of them twice, so [1, 0, 1] cannot be one. Two flags may be: [1, 0] lists "0" and "1".

    Raises:
        DataError: rows of two zeros and ones, none of them equal, so that nothing tells flags from labels.
    """
    rows = table.columns[column]
    lengths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if table.class_names.get(column) or len(lengths) != 1 or max(lengths) < 2:
        return 0
    if not all(str(value).lower() in _FLAGS for row in rows for value in row):
        return 0
    if all(len({_FLAGS[str(value).lower()] for value in row}) == len(row) for row in rows):
        raise DataError(
            f"{table.source}: column {column!r} holds two zeros and ones in each row: flags, or labels called 0 and 1?",
            hint="make one column of each place and list them (data.label: [a, b]), or give each row the list of its "
            "labels' names",
        )
    return max(lengths)


def _flag_lists(
    table: Table, column: str, width: int, mapping: Mapping[str, str] | None, known: Sequence[str] | None
) -> Targets:
    """Return the targets of a multi-hot column; data.label_names names its places: {'0': a, '1': b, ...}."""
    places = [str(place) for place in range(width)]
    if mapping and set(mapping) != set(places):
        raise DataError(
            f"{table.source}: column {column!r} holds {width} zeros and ones in each row, data.label_names names "
            f"{listed(map(repr, mapping))}",
            hint=f"data.label_names names each place, from 0 to {width - 1}",
        )
    own = [mapping[place] if mapping else place for place in places]
    names = align(own, known, source=table.source)
    found = match_names(own, names)
    # A teacher of generic names has taken the data's, so each place has its name; one of more labels has others too.
    targets = np.zeros((len(table.numbers), len(names)), dtype=np.float32)
    values = [[_FLAGS[str(value).lower()] for value in row] for row in table.columns[column]]
    targets[:, [names.index(found[name]) for name in own]] = values
    return targets, names


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
                problems.add(missing(column), number, FILL_HINT)
            elif flag is None:
                problems.add(f"label {value!r:.40} in column {column!r}", number, "multi-label columns hold 0 or 1")
            else:
                targets[row, place] = flag
    return targets, names

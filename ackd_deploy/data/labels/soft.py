"""Soft labels: columns with the probability of each label, from any model that can give one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.labels.align import align, match_names
from ackd_deploy.data.labels.columns import Targets
from ackd_deploy.data.labels.read import label_columns, read_labels
from ackd_deploy.data.problems import Problems, listed
from ackd_deploy.data.tables import Table
from ackd_deploy.data.unlabeled import no_labels
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data
from ackd_deploy.tasks import Task

__all__ = ["SoftLabels", "has_soft_label", "read_softened", "soft_label_columns"]

# What rounding of each of C columns to two decimals can explain, and never less than this.
_ROUNDING = 0.005
_TOLERANCE = 0.01
_FLOAT = 1e-6

SoftLabels = Sequence[str] | Mapping[str, str]


def soft_label_columns(given: SoftLabels) -> list[str]:
    """Return the columns that ``data.soft_labels`` names."""
    return list(given.values() if isinstance(given, Mapping) else given)


def has_soft_label(soft: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which rows of soft labels [N, C] hold any, [N]; NaN means none."""
    return np.asarray(~np.isnan(soft).any(axis=1))


def read_softened(
    table: Table, data: Data, given: SoftLabels, known: Sequence[str] | None, problems: Problems
) -> tuple[npt.NDArray[np.float32], Targets]:
    """Read and check labels and soft labels of a table; a row may have both, or one of them.

    Args:
        table: with the columns of the soft labels, and those of the labels where the source has them.
        data: the recipe's section.
        given: ``data.soft_labels``: columns in the order of the labels, or label to column.
        known: label names that a model knows, or None; a mapping gives them too.
        problems: collects what is wrong with single rows, and is raised if that is anything.

    Returns:
        The soft labels [N, C] in the order of the label names, with NaN in rows that have none. Single-label rows sum
        to 1: their sum may be off by 0.01, or by what rounding each to two decimals explains, and is divided out. Then
        labels and names, as of `read_labels`; rows without a label are marked as `unlabeled.has_label` says.

    Raises:
        DataError: rows that have no or wrong soft labels, or columns that are not those of the labels.
    """
    if isinstance(given, Mapping) and data.label_names is None:
        known = align(list(given), known, source="data.soft_labels")
    columns = label_columns(data)
    labeled = np.zeros(len(table.numbers), dtype=np.bool_)
    if all(column in table.columns for column in columns):
        cells = zip(*(table.columns[column] for column in columns), strict=True)
        labeled = np.array([not all(map(_is_blank, values)) for values in cells], dtype=np.bool_)
    if labeled.any():
        without = {table.numbers[row] for row in np.flatnonzero(~labeled)}
        # Few may have one, and all the same one: the soft labels vary.
        found, names = read_labels(table.without(without), data, known, problems, varied=False)
        labels = no_labels(len(labeled), found)
        labels[labeled] = found
    else:
        names = _names_alone(data, known, table.source)
        shape = (0, len(names)) if data.task.several_labels else (0,)
        labels = no_labels(len(labeled), np.zeros(shape, np.float32 if data.task.several_labels else np.int64))
    soft = _read(table, given, names, data.task, labeled, problems)
    problems.raise_if_any()
    return soft, (labels, names)


def _names_alone(data: Data, known: Sequence[str] | None, source: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(known if known is not None else (data.label_names or {}).values()))
    if not names:
        raise DataError(
            f"{source} has no labels, and nothing else says what the labels of data.soft_labels are called",
            hint="map them: data.soft_labels: {LABEL: COLUMN, ...}",
        )
    return names


def _read(
    table: Table,
    given: SoftLabels,
    names: Sequence[str],
    task: Task,
    labeled: npt.NDArray[np.bool_],
    problems: Problems,
) -> npt.NDArray[np.float32]:
    columns = _in_order(given, names, table.source)
    found = np.full((len(table.numbers), len(columns)), np.nan, dtype=np.float32)
    tolerance = max(_TOLERANCE, _ROUNDING * len(columns)) + _FLOAT
    cells = zip(*(table.columns[column] for column in columns), strict=True)
    for row, (number, values) in enumerate(zip(table.numbers, cells, strict=True)):
        blank = [column for column, value in zip(columns, values, strict=True) if _is_blank(value)]
        if len(blank) == len(columns):
            if not labeled[row]:
                problems.add("neither a label nor soft labels", number, "texts alone go to data.unlabeled")
            continue
        if blank:
            problems.add(f"a soft label without {listed(map(repr, blank), 3)}", number, "give all of them, or none")
            continue
        shares = [_share(value) for value in values]
        if None in shares:
            wrong = next(value for value, share in zip(values, shares, strict=True) if share is None)
            problems.add(f"soft label {str(wrong)!r:.40} is not a number from 0 to 1", number, "write 0.93, not 93 %")
            continue
        total = float(sum(share for share in shares if share is not None))
        if task.exclusive and abs(total - 1.0) > tolerance:
            hint = "the soft labels of a row are probabilities of all its labels; independent ones are multi-label"
            problems.add(f"soft labels that sum to {total:.4g} and not to 1", number, hint)
            continue
        found[row] = np.array(shares, dtype=np.float64) / (total if task.exclusive else 1.0)
    return found


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, list) and not value)


def _share(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        share = float(value)
    except ValueError:
        return None
    return share if 0.0 <= share <= 1.0 else None


def _in_order(given: SoftLabels, names: Sequence[str], source: str) -> list[str]:
    if isinstance(given, Mapping):
        matched = match_names(list(given), names)
        by_name = {matched[label]: column for label, column in given.items() if label in matched}
        if set(by_name) == set(names) and len(by_name) == len(given):
            return [by_name[name] for name in names]
        raise DataError(
            f"{source}: data.soft_labels names columns for {listed(map(repr, given))}; the labels are "
            f"{listed(map(repr, names))}",
            hint="name a column for each label",
        )
    if len(given) != len(names):
        raise DataError(
            f"{source}: data.soft_labels lists {len(given)} columns for the {len(names)} labels "
            f"{listed(map(repr, names))}",
            hint="list a column for each label, in this order; or map them: {LABEL: COLUMN, ...}",
        )
    return list(given)

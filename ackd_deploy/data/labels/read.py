"""How the label column of each task is read and checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.labels.columns import Targets, classes, flags, label_sets, scores
from ackd_deploy.data.labels.names import NAME_HINT
from ackd_deploy.data.problems import Problems
from ackd_deploy.data.tables import Table
from ackd_deploy.errors import DataError, RecipeError
from ackd_deploy.recipe.sections import Data
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, Task
from ackd_deploy.tasks.label_names import label_name_problem

__all__ = ["label_columns", "read_labels"]

# So few rows may each have a class of their own: a sample, not a mistake.
_FEW_ROWS = 20


class _Reader(ABC):
    @abstractmethod
    def read(self, table: Table, data: Data, known: Sequence[str] | None, problems: Problems) -> Targets:
        """Return the labels of all rows, and the label names."""

    @abstractmethod
    def all_the_same(self, labels: npt.NDArray[Any], names: Sequence[str]) -> str:
        """Say what labels are that are the same in each row."""


class _Classes(_Reader):
    def read(self, table: Table, data: Data, known: Sequence[str] | None, problems: Problems) -> Targets:
        return classes(table, label_columns(data)[0], data.label_names, known, problems)

    def all_the_same(self, labels: npt.NDArray[Any], names: Sequence[str]) -> str:
        return f"one class only: {names[int(labels[0])]!r}"


class _LabelSets(_Reader):
    def read(self, table: Table, data: Data, known: Sequence[str] | None, problems: Problems) -> Targets:
        if isinstance(data.label, list):
            return flags(table, label_columns(data), data.label_names, known, problems)
        return label_sets(table, data.label, data.label_names, known, problems)

    def all_the_same(self, labels: npt.NDArray[Any], names: Sequence[str]) -> str:
        return "one class only: the same labels on each row"


class _Values(_Reader):
    def read(self, table: Table, data: Data, known: Sequence[str] | None, problems: Problems) -> Targets:
        return scores(table, label_columns(data)[0], problems)

    def all_the_same(self, labels: npt.NDArray[Any], names: Sequence[str]) -> str:
        return "one and the same target"


_READERS: dict[Task, _Reader] = {SINGLE_LABEL: _Classes(), MULTI_LABEL: _LabelSets(), REGRESSION: _Values()}


def label_columns(data: Data) -> list[str]:
    """Return the columns that hold labels.

    Raises:
        RecipeError: several columns, and the task has one label.
    """
    if isinstance(data.label, str):
        return [data.label]
    if not data.task.several_labels:
        raise RecipeError(
            "recipe",
            [f"data.label: several columns go with {MULTI_LABEL.problem_type}, not {data.problem_type}"],
            hint="name one column, or set data.problem_type",
        )
    if not data.label or len(set(data.label)) < len(data.label):
        raise RecipeError("recipe", ["data.label: lists no column, or one twice"], hint="name each label column once")
    return list(data.label)


def read_labels(
    table: Table, data: Data, known: Sequence[str] | None, problems: Problems, *, varied: bool = True
) -> Targets:
    """Read, align by name and check the labels of a table.

    Args:
        table: at least one row.
        data: the recipe's section.
        known: label names that a model knows, or None.
        problems: collects what is wrong with single rows, and is raised if that is anything.
        varied: refuse labels that teach nothing: all the same, or each row its own.

    Raises:
        DataError: labels that cannot be read, or that teach nothing.
    """
    reader = _READERS[data.task]
    labels, names = reader.read(table, data, known, problems)
    problems.raise_if_any()
    for name in names:
        # Of the teacher, the hub or a column's head; those of single rows have been found with their numbers.
        if found := label_name_problem(name):
            raise DataError(f"{table.source}: the label {name!r:.60} {found}", hint=NAME_HINT)
    if not varied:
        return labels, names
    if data.task.exclusive and len(labels) > _FEW_ROWS and len(np.unique(labels)) == len(labels):
        raise DataError(
            f"{table.source}: each of the {len(labels)} rows has a label of its own, so there is nothing to learn",
            hint="is data.label the right column? For numbers as targets set data.problem_type: regression",
        )
    if (labels == labels[0]).all():
        raise DataError(
            f"{table.source} has {reader.all_the_same(labels, names)} ({len(labels)} rows)",
            hint="a classifier needs rows of at least two classes; is data.label the right column?",
        )
    return labels, names

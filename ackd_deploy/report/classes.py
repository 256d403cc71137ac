"""Each class of the teacher, the student and the served variant, laid out for the page."""

from __future__ import annotations

from dataclasses import dataclass

from ackd_deploy.report.summary import classes_of, model_name
from ackd_deploy.run import Run
from ackd_deploy.run.records import PerClassRecord

__all__ = ["PerClassTable", "per_class_tables"]

_MATRIX_CLASSES = 12
_LISTED = 20


@dataclass(frozen=True)
class PerClassTable:
    """One model's classes.

    Attributes:
        name: of the model.
        found: its figures.
        matrix: rows of the confusion matrix, label by label, with an answer in each column; None where a row may have
            several labels, or where there are too many classes.
        confusions: else the most frequent (label, answer, rows).
    """

    name: str
    found: PerClassRecord
    matrix: list[tuple[str, list[int]]] | None
    confusions: list[tuple[str, str, int]]


def per_class_tables(run: Run) -> list[PerClassTable]:
    """Return a table for each model of a run whose classes were recorded; none for a regression."""
    tables = []
    for key, found in classes_of(run).items():
        matrix = _matrix(found) if run.recipe.data.task.exclusive else None
        tables.append(PerClassTable(model_name(run, key), found, matrix, found.confusions[:_LISTED]))
    return tables


def _matrix(found: PerClassRecord) -> list[tuple[str, list[int]]] | None:
    if len(found.classes) > _MATRIX_CLASSES:
        return None
    names = [entry.label for entry in found.classes]
    wrong = {(label, answer): rows for label, answer, rows in found.confusions}
    return [
        (entry.label, [entry.hits if name == entry.label else wrong.get((entry.label, name), 0) for name in names])
        for entry in found.classes
    ]

"""All metrics of the models, and each class of teacher, student and served variant, laid out for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ackd_deploy.report.summary import Row, classes_of, model_name
from ackd_deploy.run import Run
from ackd_deploy.run.records import PerClassRecord
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["MetricsTable", "PerClassTable", "metrics_table", "per_class_tables"]

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


@dataclass(frozen=True)
class MetricsTable:
    """Headings of metrics, and for each model its name and shown values."""

    headings: list[str]
    models: list[tuple[str, list[str]]]


def metrics_table(rows: Sequence[Row]) -> MetricsTable | None:
    """Return the metrics of all models that have more than the deciding one; None where none has."""
    names = list(dict.fromkeys(name for row in rows for name in row.metrics or ()))
    if len(names) < 2:
        return None
    facts = [metric_name(name) for name in names]
    models = [(row.name, [each.show(row.metrics.get(each.name)) for each in facts]) for row in rows if row.metrics]
    return MetricsTable([each.heading for each in facts], models)


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

"""Each class apart: how often it is right, found, and taken for another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.task import Task

__all__ = ["ClassCounts", "class_counts", "confusions"]

Array = NDArray[Any]


@dataclass(frozen=True)
class ClassCounts:
    """The 2x2 table of one class against all others, as counts of rows.

    Attributes:
        rows: all of them.
        labeled: rows that have the class.
        predicted: rows for which it was predicted.
        hits: rows of both kinds.
    """

    rows: int
    labeled: int
    predicted: int
    hits: int

    @property
    def precision(self) -> float:
        """Share of the predicted rows that have the class; 0 where it was never predicted, as in scikit-learn."""
        return self.hits / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the rows of the class that were found; 0 where it has none, as in scikit-learn."""
        return self.hits / self.labeled if self.labeled else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both: 2 hits / (predicted + labeled)."""
        total = self.predicted + self.labeled
        return 2 * self.hits / total if total else 0.0


def class_counts(task: Task, logits: Array, labels: Array) -> list[ClassCounts]:
    """Return the counts of each class, in the order of the labels; none for a regression."""
    if not task.has_classes:
        return []
    decisions, truth = task.decide(logits), task.truth(labels)
    if task.exclusive:
        classes = logits.shape[1]
        counts = (np.bincount(ids, minlength=classes) for ids in (truth, decisions, truth[decisions == truth]))
    else:
        counts = (answers.sum(axis=0) for answers in (truth, decisions, truth & decisions))
    return [ClassCounts(len(labels), *map(int, of_class)) for of_class in zip(*counts, strict=True)]


def confusions(task: Task, logits: Array, labels: Array) -> list[tuple[int, int, int]]:
    """Return (label, other answer, rows) of all wrong answers of a single-label task, the most frequent first.

    With the hits of `class_counts` these are the confusion matrix, without its zeros. Several labels a row have none:
    a label that is missed is not missed for another one.
    """
    if not task.exclusive:
        return []
    decisions, truth = task.decide(logits), task.truth(labels)
    pairs, counts = np.unique(np.stack([truth, decisions], axis=1)[decisions != truth], axis=0, return_counts=True)
    found = [(int(t), int(d), int(n)) for (t, d), n in zip(pairs, counts, strict=True)]
    return sorted(found, key=lambda entry: (-entry[2], entry[0], entry[1]))

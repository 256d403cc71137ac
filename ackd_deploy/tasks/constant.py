"""The best answer that looks at no text: what a classifier must beat to have learned anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.task import Task

__all__ = ["best_constant", "constant_name", "repeated"]

Array = NDArray[Any]


def best_constant(task: Task, labels: Array, classes: int) -> NDArray[np.float32]:
    """Return the logits [C] of the one answer that scores best, by the deciding metric, when every row gets it.

    For accuracy that is the majority class; for F1 of one class, the class; for micro F1 a set of frequent labels; for
    a mean squared error the mean, for a mean absolute error the median. Where every constant scores the same, as by a
    correlation, it is the most frequent answer, or the mean.

    Args:
        task: decides the metric.
        labels: of the training rows: nothing may be chosen on the rows that it is then held against.
        classes: C.
    """
    truth, counts = np.unique(task.truth(labels), axis=0, return_counts=True)
    shares = counts / counts.sum()
    best, best_value = None, -np.inf
    for row in task.constants(labels, classes):
        decisions = task.decide(repeated(row, len(truth)))
        # Equal rows have equal statistics: one of each kind, weighed by its share, has the mean of all.
        value = float(task.metric.of_means(shares @ task.metric.rows(decisions, truth, classes)))
        value = -value if task.metric.facts.lower_is_better else value
        if value > best_value + 1e-12:
            best, best_value = row, value
    if best is None:
        raise ValueError("there are no labels to choose an answer from")
    return best


def repeated(row: Array, count: int) -> Array:
    """Return logits [C] as those of ``count`` rows."""
    return np.repeat(np.asarray(row)[None], count, axis=0)


def constant_name(task: Task, row: Array, label_names: Sequence[str]) -> str:
    """Return what to call the answer of logits [C]: always 'negative', always 2.31."""
    answer = task.named(task.decide(np.asarray(row)[None])[0], label_names)
    if isinstance(answer, float):
        return f"always {answer:.4g}"
    names = [answer] if isinstance(answer, str) else answer
    return f"always {', '.join(map(repr, names)) or 'no label'}"

"""Task metrics as pure functions of logits and labels; higher is better for every primary metric."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["metrics", "predicted", "primary", "row_scores"]

Array = NDArray[Any]


def primary(problem_type: str) -> str:
    """Return the name of the metric that tables and gates use for a problem type."""
    return {
        "single_label_classification": "accuracy",
        "multi_label_classification": "micro_f1",
        "regression": "pearson",
    }[problem_type]


def predicted(problem_type: str, logits: Array) -> Array:
    """Return the decision that a row of logits stands for.

    Args:
        problem_type: as in the recipe.
        logits: [N, C]; [N, 1] or [N] for regression.

    Returns:
        [N] class ids; [N, C] booleans where each label stands for itself; [N] values for regression.
    """
    if problem_type == "single_label_classification":
        return np.asarray(logits.argmax(axis=1))
    if problem_type == "multi_label_classification":
        # sigmoid(x) > 1/2
        return np.asarray(logits > 0)
    return np.asarray(logits.reshape(len(logits)), dtype=np.float64)


def row_scores(problem_type: str, logits: Array, labels: Array) -> Array:
    """Return [N] float scores of single rows, for paired intervals.

    1 or 0 for a right or wrong row; the share of right labels in a multi-label row; minus the squared error for
    regression.
    """
    decision = predicted(problem_type, logits)
    if problem_type == "single_label_classification":
        return np.asarray(decision == labels, dtype=np.float64)
    if problem_type == "multi_label_classification":
        return np.asarray((decision == (labels > 0.5)).mean(axis=1))
    return np.asarray(-np.square(decision - labels))


def metrics(problem_type: str, logits: Array, labels: Array) -> dict[str, float]:
    """Return the metrics of a task.

    Args:
        problem_type: as in the recipe.
        logits: [N, C]; [N, 1] or [N] for regression.
        labels: [N] class ids, [N, C] zeros and ones, or [N] values.

    Returns:
        accuracy and macro_f1; or micro_f1, macro_f1 and exact_match; or pearson, spearman, mse and mae. A
        correlation with a constant is undefined and counts as 0.
    """
    if len(logits) != len(labels) or not len(labels):
        raise ValueError(f"{len(logits)} rows of logits for {len(labels)} labels")
    decision: Array = predicted(problem_type, logits)
    if problem_type == "single_label_classification":
        classes = logits.shape[1]
        one_hot = np.eye(classes, dtype=bool)
        return {
            "accuracy": float((decision == labels).mean()),
            "macro_f1": _macro_f1(one_hot[decision], one_hot[labels.astype(np.int64)]),
        }
    if problem_type == "multi_label_classification":
        truth: Array = np.asarray(labels > 0.5)
        return {
            "micro_f1": _f1(decision.reshape(-1), truth.reshape(-1)),
            "macro_f1": _macro_f1(decision, truth),
            "exact_match": float((decision == truth).all(axis=1).mean()),
        }
    truth = np.asarray(labels, dtype=np.float64).reshape(-1)
    return {
        "pearson": _correlation(decision, truth),
        "spearman": _correlation(rankdata(decision), rankdata(truth)),
        "mse": float(np.square(decision - truth).mean()),
        "mae": float(np.abs(decision - truth).mean()),
    }


def _f1(decision: Array, truth: Array) -> float:
    positives = int(decision.sum()) + int(truth.sum())
    return 2 * int((decision & truth).sum()) / positives if positives else 0.0


def _macro_f1(decision: Array, truth: Array) -> float:
    # Classes that neither occur nor are predicted say nothing, as in scikit-learn.
    there = decision.any(axis=0) | truth.any(axis=0)
    scores = [_f1(decision[:, c], truth[:, c]) for c in np.flatnonzero(there)]
    return float(np.mean(scores)) if scores else 0.0


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0

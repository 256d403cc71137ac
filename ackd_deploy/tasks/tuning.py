"""The search for decision thresholds: those with which the deciding metric is best on some rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metric_names import CLASS_F1
from ackd_deploy.tasks.task import Task
from ackd_deploy.tasks.thresholds import Thresholds, positive_class

__all__ = ["MIN_POSITIVES", "tune_thresholds"]

Array = NDArray[Any]
Floats = NDArray[np.float64]

MIN_POSITIVES = 5
"""Rows that a label of a multi-label task must have among those that thresholds are tuned on; else it keeps 1/2."""

_DEFAULT = 0.5
_MAX_CANDIDATES = 1000
_SWEEPS = 5
# Metrics that are best where the F1 of every label is.
_EACH_LABEL = frozenset({"macro_f1", "weighted_f1"})


def tune_thresholds(
    task: Task, logits: Array, labels: Array, *, label_names: Sequence[str], temperature: float = 1.0
) -> Thresholds:
    """Return the thresholds with which the task's deciding metric is best on these rows.

    A candidate lies halfway between two neighboring scores of the rows, so that no row lies on it. Of equally good
    ones the nearest to 1/2 is taken.

    Two classes: all candidates of the positive class are tried.

    Multi-label tasks, all labels with at least `MIN_POSITIVES` rows: macro and weighted F1 are best where each label's
    F1 is; F1 of one class moves that label's threshold alone; micro F1 is a ratio of sums over labels, whose optimum
    Dinkelbach's iteration finds exactly (W. Dinkelbach, On Nonlinear Fractional Programming, Management Science 13,
    1967); any other metric is climbed label by label from there, up to five rounds, which ends in a local optimum.

    Args:
        task: decides the metric.
        logits: [N, C] of rows that the model was not trained on.
        labels: of these rows.
        label_names: [C].
        temperature: that the logits are divided by.

    Raises:
        ValueError: a task without classes, or with one class a row of more than two.
    """
    scores = np.asarray(task.activate(logits, temperature), dtype=np.float64)
    if task.exclusive and scores.shape[1] == 2:
        positive = positive_class(task.metric.name, label_names)

        def scored(value: float) -> float:
            found = task.with_thresholds(Thresholds((value,), positive, temperature))
            return found.score(logits, labels)

        candidates = _candidates(scores[:, positive])
        return Thresholds((_best(candidates, [scored(value) for value in candidates]),), positive, temperature)
    if not task.several_labels:
        raise ValueError("thresholds are for multi-label tasks, and for two classes")
    truth = task.truth(labels)
    tunable = [label for label in range(scores.shape[1]) if truth[:, label].sum() >= MIN_POSITIVES]
    values = np.full(scores.shape[1], _DEFAULT)
    name = task.metric.name
    if name.startswith(CLASS_F1):
        tunable = [label for label in tunable if label_names[label] == name.removeprefix(CLASS_F1)]
    if name in _EACH_LABEL or name.startswith(CLASS_F1):
        for label in tunable:
            values[label] = _best_f1(scores[:, label], truth[:, label])
    else:
        values = _micro_f1(scores, truth, tunable)
        if name != "micro_f1":
            values = _climb(
                lambda tried: task.with_thresholds(Thresholds(tuple(tried), None, temperature)).score(logits, labels),
                values,
                scores,
                tunable,
            )
    return Thresholds(tuple(values.tolist()), None, temperature)


def _candidates(scores: Floats) -> Floats:
    """Thresholds between neighboring scores, and below and above all of them; evenly thinned where there are many."""
    distinct = np.unique(np.concatenate([[0.0, 1.0], scores]))
    middles = (distinct[1:] + distinct[:-1]) / 2
    if len(middles) > _MAX_CANDIDATES:
        middles = middles[np.linspace(0, len(middles) - 1, _MAX_CANDIDATES).round().astype(int)]
    # 1/2 itself, where no score lies on the other side of the middle next to it.
    return np.unique(np.concatenate([middles, [_DEFAULT]]))


def _best(candidates: Floats, gains: Sequence[float] | Floats) -> float:
    gains = np.asarray(gains)
    best = candidates[gains >= gains.max() - 1e-12]
    return float(best[np.abs(best - _DEFAULT).argmin()])


def _counts(scores: Floats, truth: Array, candidates: Floats) -> tuple[Floats, Floats]:
    """Rows that reach each candidate, and those of them that have the label."""
    order = np.argsort(scores)
    first = np.searchsorted(scores[order], candidates, side="left")
    hits = np.concatenate([[0], np.cumsum(truth[order])])
    return len(scores) - first.astype(np.float64), (hits[-1] - hits[first]).astype(np.float64)


def _best_f1(scores: Floats, truth: Array) -> float:
    candidates = _candidates(scores)
    predicted, hits = _counts(scores, truth, candidates)
    return _best(candidates, 2 * hits / (predicted + truth.sum()))


def _micro_f1(scores: Floats, truth: Array, tunable: Sequence[int]) -> Floats:
    """Maximize 2·hits / (predicted + labeled) over the thresholds of the tunable labels.

    At the best ratio r the labels are apart: each maximizes 2·hits - r·predicted.
    """
    fixed = [label for label in range(scores.shape[1]) if label not in set(tunable)]
    applies = scores[:, fixed] >= _DEFAULT
    hits_there, predicted_there = float((applies & truth[:, fixed]).sum()), float(applies.sum())
    labeled = float(truth.sum())
    tables = []
    for label in tunable:
        candidates = _candidates(scores[:, label])
        tables.append((label, candidates, *_counts(scores[:, label], truth[:, label], candidates)))
    values, ratio = np.full(scores.shape[1], _DEFAULT), -1.0
    while True:
        hits, predicted = hits_there, predicted_there
        for label, candidates, reach, found in tables:
            values[label] = chosen = _best(candidates, 2 * found - max(ratio, 0.0) * reach)
            at = int(np.searchsorted(candidates, chosen))
            hits, predicted = hits + found[at], predicted + reach[at]
        better = 2 * hits / (predicted + labeled) if predicted + labeled else 0.0
        if better <= ratio + 1e-12:
            return values
        ratio = better


def _climb(score: Callable[[Floats], float], start: Floats, scores: Floats, tunable: Sequence[int]) -> Floats:
    values = max((start, np.full(len(start), _DEFAULT)), key=score).copy()
    best = score(values)
    for _ in range(_SWEEPS):
        before = best
        for label in tunable:
            candidates, gains = _candidates(scores[:, label]), []
            for candidate in candidates:
                tried = values.copy()
                tried[label] = candidate
                gains.append(score(tried))
            if max(gains) > best + 1e-12:
                values[label], best = _best(candidates, gains), max(gains)
        if best <= before:
            break
    return values

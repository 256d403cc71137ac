"""The accuracy gates: what did the variant lose against the student, on the same validation rows?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.gates import GateResult, at_least, at_most, inform
from ackd_deploy.recipe.schema import Gates
from ackd_deploy.tasks.metrics import metrics, predicted, primary, row_scores
from ackd_deploy.tasks.stats import expected_calibration_error, paired_errors, softmax, wilson_interval

__all__ = ["accuracy_gates", "slices"]

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[Any]
_DRAWS = 2000
# Of a regression: two scores agree when they differ by no more than this share of the student's spread.
_CLOSE = 0.1


def accuracy_gates(
    variant: str, problem_type: str, student: Floats, found: Floats, labels: Labels, gates: Gates
) -> list[GateResult]:
    """Judge logits [N, C] of a variant against the student's [N, C] and the labels.

    Three figures: the drop of the metric in points, the growth of the error rate, and the share of rows
    with the student's own answer. A drop alone hides that one error in twenty more, of a 95 % model, is
    a quarter of a point.
    """
    n = len(labels)
    if problem_type == "single_label_classification":
        pair = paired_errors(*(row_scores(problem_type, logits, labels) > 0.5 for logits in (student, found)))
        drop, drop_interval = pair.drop, pair.drop_interval
        growth, growth_interval = pair.growth, pair.growth_interval
        lost = f"{pair.only_first_right} lost, {pair.only_second_right} won, p {pair.p_value:.2g}"
    else:
        drop, drop_interval, growth, growth_interval = _resampled(problem_type, student, found, labels)
        lost = ""
    same = _agreement(problem_type, student, found)
    count = int(same.sum())
    results = [
        at_most("accuracy drop", variant, drop, gates.max_accuracy_drop, n=n, interval=drop_interval, detail=lost),
        at_most("error growth", variant, growth, gates.max_error_growth, n=n, interval=growth_interval),
        at_least("agreement", variant, count / n, gates.min_agreement, n=n, interval=wilson_interval(count, n)),
    ]
    if problem_type == "single_label_classification":
        results.append(inform("ECE", variant, expected_calibration_error(softmax(found), labels), n=n))
    return results


def _agreement(problem_type: str, student: Floats, found: Floats) -> npt.NDArray[np.bool_]:
    ours, theirs = predicted(problem_type, found), predicted(problem_type, student)
    if problem_type == "single_label_classification":
        return np.asarray(ours == theirs)
    if problem_type == "multi_label_classification":
        return np.asarray((ours == theirs).all(axis=1))
    return np.asarray(np.abs(ours - theirs) <= _CLOSE * max(float(np.std(theirs)), 1e-12))


def _resampled(
    problem_type: str, student: Floats, found: Floats, labels: Labels
) -> tuple[float, tuple[float, float], float, tuple[float, float]]:
    """Drop and growth with a bootstrap over rows, for metrics that are no mean over right and wrong rows."""
    before, after = (1.0 - row_scores(problem_type, logits, labels) for logits in (student, found))
    if problem_type == "regression":
        # There `row_scores` is minus the squared error.
        before, after = before - 1.0, after - 1.0
    name, n = primary(problem_type), len(labels)

    def figures(rows: npt.NDArray[np.int64] | slice) -> tuple[float, float]:
        scores = [metrics(problem_type, logits[rows], labels[rows])[name] for logits in (student, found)]
        errors = float(before[rows].mean()), float(after[rows].mean())
        growth = errors[1] / errors[0] - 1.0 if errors[0] > 0 else (np.inf if errors[1] > 0 else 0.0)
        return 100.0 * (scores[0] - scores[1]), growth

    generator = np.random.default_rng(0)
    draws = np.array([figures(generator.integers(0, n, size=n)) for _ in range(_DRAWS)])
    low, high = np.quantile(draws, [0.025, 0.975], axis=0, method="nearest")
    drop, growth = figures(slice(None))
    return drop, (float(low[0]), float(high[0])), growth, (float(low[1]), float(high[1]))


def slices(
    problem_type: str, found: Floats, labels: Labels, lengths: npt.NDArray[np.integer], label_names: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Return the metric by length bucket (quarters of the rows) and by class, with the rows of each."""
    name = primary(problem_type)
    result: dict[str, dict[str, float]] = {}
    edges = np.quantile(lengths, [0.25, 0.5, 0.75])
    bucket = np.searchsorted(edges, lengths, side="left")
    for index in range(4):
        inside = bucket == index
        if inside.any():
            span = f"{int(lengths[inside].min())}-{int(lengths[inside].max())} tokens"
            value = metrics(problem_type, found[inside], labels[inside])[name]
            result[span] = {name: value, "rows": int(inside.sum())}
    if problem_type == "single_label_classification":
        for index, label in enumerate(label_names):
            inside = labels == index
            if inside.any():
                recall = float((found[inside].argmax(axis=1) == index).mean())
                result[f"label {label}"] = {"recall": recall, "rows": int(inside.sum())}
    return result

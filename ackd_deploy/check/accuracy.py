"""The accuracy gates: what did the variant lose against the student, on the same validation rows?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.gates import GateResult, at_least, at_most, inform
from ackd_deploy.recipe.sections import Gates
from ackd_deploy.run.records import SliceRecord
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.activations import softmax
from ackd_deploy.tasks.calibration import expected_calibration_error
from ackd_deploy.tasks.intervals import wilson_interval
from ackd_deploy.tasks.paired import error_growth, paired_difference
from ackd_deploy.tasks.single_label import class_recalls

__all__ = ["accuracy_gates", "slices"]

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[Any]


def accuracy_gates(
    variant: str, task: Task, student: Floats, found: Floats, labels: Labels, gates: Gates
) -> list[GateResult]:
    """Judge logits [N, C] of a variant against the student's [N, C] and the labels.

    Three figures: the drop of the metric in points, the growth of the error rate, and the share of rows
    with the student's own answer. A drop alone hides that one error in twenty more, of a 95 % model, is
    a quarter of a point.
    """
    n = len(labels)
    change = paired_difference(task, student, found, labels)
    drop, drop_interval = change.loss_in_points
    lost = ""
    if change.p_value is not None:
        lost = f"{change.only_first} lost, {change.only_second} won, p {change.p_value:.2g}"
    growth, growth_interval = error_growth(task, student, found, labels)
    count = int(task.agree(found, student).sum())
    results = [
        at_most("accuracy drop", variant, drop, gates.max_accuracy_drop, n=n, interval=drop_interval, detail=lost),
        at_most("error growth", variant, growth, gates.max_error_growth, n=n, interval=growth_interval),
        at_least("agreement", variant, count / n, gates.min_agreement, n=n, interval=wilson_interval(count, n)),
    ]
    if task.exclusive:
        results.append(inform("ECE", variant, expected_calibration_error(softmax(found), labels), n=n))
    return results


def slices(
    task: Task, found: Floats, labels: Labels, lengths: npt.NDArray[np.integer], label_names: tuple[str, ...]
) -> dict[str, SliceRecord]:
    """Return the metric by length bucket (quarters of the rows) and by class, with the rows of each."""
    result: dict[str, SliceRecord] = {}
    edges = np.quantile(lengths, [0.25, 0.5, 0.75])
    bucket = np.searchsorted(edges, lengths, side="left")
    for index in range(4):
        inside = bucket == index
        if inside.any():
            span = f"{int(lengths[inside].min())}-{int(lengths[inside].max())} tokens"
            value = task.score(found[inside], labels[inside])
            result[span] = SliceRecord(metric=task.metric.name, value=value, rows=int(inside.sum()))
    if task.exclusive:
        for index, (hits, rows) in class_recalls(found, labels, task).items():
            result[f"label {label_names[index]}"] = SliceRecord(metric="recall", value=hits / rows, rows=rows)
    return result

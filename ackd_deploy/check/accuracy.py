"""The accuracy gates: what did the variant lose against the student, on the same validation rows?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.gates import GateResult, at_least, at_most
from ackd_deploy.recipe.sections import Gates
from ackd_deploy.run.records import ClassRecord, PerClassRecord, SliceRecord
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.activations import softmax
from ackd_deploy.tasks.calibration import expected_calibration_error
from ackd_deploy.tasks.intervals import wilson_interval
from ackd_deploy.tasks.paired import error_growth, paired_difference
from ackd_deploy.tasks.per_class import class_counts, confusions

__all__ = ["accuracy_gates", "per_class_record", "slices"]

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[Any]
_MAX_CONFUSIONS = 200


def accuracy_gates(
    variant: str,
    task: Task,
    student: Floats,
    found: Floats,
    labels: Labels,
    gates: Gates,
) -> list[GateResult]:
    """Judge logits [N, C] of a variant against the student's [N, C] and the labels.

    Three figures: the drop of the metric in points, the growth of the error rate, and the share of rows
    with the student's own answer. A drop alone hides that one error in twenty more, of a 95 % model, is
    a quarter of a point. The calibration error is that of the scores that are served: the logits have been divided by
    the temperature, where there is one.
    """
    n, facts = len(labels), task.metric.facts
    change = paired_difference(task, student, found, labels)
    drop, drop_interval = change.loss_in_points
    lost = ""
    if change.p_value is not None:
        lost = f"{change.only_first} lost, {change.only_second} won, p {change.p_value:.2g}"
    growth, growth_interval = error_growth(task, student, found, labels)
    count = int(task.agree(found, student).sum())
    results = [
        at_most(
            f"{facts.title} {'rise' if facts.lower_is_better else 'drop'}",
            variant,
            drop,
            gates.max_accuracy_drop,
            n=n,
            interval=drop_interval,
            detail=lost,
        ),
        at_most("error growth", variant, growth, gates.max_error_growth, n=n, interval=growth_interval),
        at_least("agreement", variant, count / n, gates.min_agreement, n=n, interval=wilson_interval(count, n)),
    ]
    if task.exclusive:
        error = expected_calibration_error(softmax(found), labels)
        results.append(at_most("ECE", variant, error, gates.max_calibration_error, n=n))
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
        for name, entry in zip(label_names, class_counts(task, found, labels), strict=True):
            if entry.labeled:
                result[f"label {name}"] = SliceRecord(metric="recall", value=entry.recall, rows=entry.labeled)
    return result


def per_class_record(task: Task, logits: Floats, labels: Labels, label_names: Sequence[str]) -> PerClassRecord | None:
    """Return precision, recall, F1 and support of each class, and the most frequent confusions; None for numbers."""
    if not task.has_classes:
        return None
    found = zip(class_counts(task, logits, labels), label_names, strict=True)
    return PerClassRecord(
        classes=[
            ClassRecord(
                label=name,
                labeled=entry.labeled,
                predicted=entry.predicted,
                hits=entry.hits,
                precision=entry.precision,
                recall=entry.recall,
                f1=entry.f1,
            )
            for entry, name in found
        ],
        confusions=[
            (label_names[label], label_names[answer], rows)
            for label, answer, rows in confusions(task, logits, labels)[:_MAX_CONFUSIONS]
        ],
    )

"""An artifact on labeled rows, beside the figures that it was given when it was made: has the world moved?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ackd_deploy import console
from ackd_deploy.artifact.schema import Manifest
from ackd_deploy.bulk.labeled import LabeledRows
from ackd_deploy.bulk.slices import Slice, by_group, by_length, slices
from ackd_deploy.runtime import Classifier
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.calibration import expected_calibration_error
from ackd_deploy.tasks.intervals import Interval, metric_interval, wilson_interval
from ackd_deploy.tasks.per_class import class_counts
from ackd_deploy.tasks.unpaired import Move, move

__all__ = ["Accepted", "ClassFigures", "Confidence", "Evaluation", "Figure", "answered", "evaluate"]

Array = NDArray[Any]
Verdict = Literal["better", "worse", "no difference shown", "nothing to compare with"]
_CHUNK = 4096


@dataclass(frozen=True)
class Figure:
    """A metric here, its 95 % interval, and its value in the artifact where that is known."""

    metric: str
    value: float
    interval: Interval
    artifact: float | None


@dataclass(frozen=True)
class ClassFigures:
    """One class here, and its recall and share of the rows in the artifact's figures where these are known."""

    name: str
    rows: int
    precision: float
    recall: float
    recall_interval: Interval | None
    f1: float
    artifact_recall: float | None
    artifact_share: float | None


@dataclass(frozen=True)
class Confidence:
    """Calibration of a single-label artifact: mean confidence, accuracy, and the expected calibration error."""

    confidence: float
    accuracy: float
    ece: float
    artifact_ece: float | None


@dataclass(frozen=True)
class Accepted:
    """The answers of an artifact that abstains which it gives rather than marks for review, here and in its figures.

    ``precision`` is the share of right rows among them; None where there are none.
    """

    coverage: float
    coverage_interval: Interval
    precision: float | None
    precision_interval: Interval | None
    artifact_coverage: float
    artifact_precision: float | None


@dataclass(frozen=True)
class Evaluation:
    """What labeled rows say of an artifact.

    Attributes:
        rows: their number.
        variant: that answered.
        metric: the deciding metric.
        figures: all metrics, the deciding one first.
        artifact_rows: rows behind the artifact's own figures; None where it holds none.
        moved: the deciding metric here minus that of the artifact; None where that holds none.
        verdict: what may be said of the difference.
        classes: each class; empty for a regression.
        confidence: None unless each row has one class.
        accepted: None unless the artifact abstains.
        slices: by length, and by a column where one was named.
    """

    rows: int
    variant: str
    metric: str
    figures: list[Figure]
    artifact_rows: int | None
    moved: Move | None
    verdict: Verdict
    classes: list[ClassFigures]
    confidence: Confidence | None
    accepted: Accepted | None
    slices: list[Slice]


def answered(classifier: Classifier, texts: Sequence[Any], batch_size: int = 32) -> tuple[Array, list[int]]:
    """Return logits [N, C] and the number of tokens of each text."""
    logits, lengths = [], []
    with console.progress("evaluate", len(texts)) as advance:
        for start in range(0, len(texts), _CHUNK):
            tokens = classifier.tokenize(texts[start : start + _CHUNK])
            logits.append(classifier.run_sorted(tokens, batch_size))
            lengths += [row.num_tokens for row in tokens]
            advance(len(tokens))
    return np.concatenate(logits), lengths


def evaluate(
    manifest: Manifest,
    rows: LabeledRows,
    logits: Array,
    lengths: Sequence[int],
    *,
    variant: str,
    slice_by: str | None = None,
) -> Evaluation:
    """Judge the logits [N, C] of labeled rows.

    The rows are taken to be other ones than those behind the artifact's figures, and independent of them.

    Args:
        manifest: of the artifact.
        rows: N labeled rows.
        logits: of these.
        lengths: tokens of each text.
        variant: that gave the logits.
        slice_by: name of the column that ``rows.groups`` has the values of.
    """
    known, labels = manifest.quality, rows.labels
    task = manifest.task.deciding_by(known.metric if known else None, manifest.labels)
    before = dict(known.metrics) | {known.metric: known.value} if known else {}
    metrics = [task.metric, *(metric for metric in task.shown if metric.name != task.metric.name)]
    figures = [
        Figure(m.name, one.score(logits, labels), metric_interval(one, logits, labels), before.get(m.name))
        for m in metrics
        for one in [replace(task, metric=m)]
    ]
    moved = _moved(manifest, task, figures[0])
    groups = by_group(slice_by, rows.groups) if slice_by is not None and rows.groups is not None else iter(())
    return Evaluation(
        rows=len(labels),
        variant=variant,
        metric=task.metric.name,
        figures=figures,
        artifact_rows=known.rows if known else None,
        moved=moved,
        verdict=moved.verdict(task.metric.facts) if moved else "nothing to compare with",
        classes=_classes(manifest, task, logits, labels),
        confidence=_confidence(manifest, task, logits, labels, variant),
        accepted=_accepted(manifest, task, logits, labels),
        slices=slices(task, logits, labels, chain(by_length(lengths), groups)),
    )


def _moved(manifest: Manifest, task: Task, now: Figure) -> Move | None:
    known = manifest.quality
    if known is None:
        return None
    if known.interval is not None:
        low, high = known.interval
        return move(known.value, (low, high), now.value, now.interval)
    if task.metric.is_share:
        return move(known.value, wilson_interval(round(known.value * known.rows), known.rows), now.value, now.interval)
    return None


def _classes(manifest: Manifest, task: Task, logits: Array, labels: Array) -> list[ClassFigures]:
    known = manifest.quality
    before = {entry.name: entry for entry in (known.classes or ())} if known else {}
    found = []
    for name, counts in zip(manifest.labels, class_counts(task, logits, labels), strict=False):
        then = before.get(name)
        found.append(
            ClassFigures(
                name=name,
                rows=counts.labeled,
                precision=counts.precision,
                recall=counts.recall,
                recall_interval=wilson_interval(counts.hits, counts.labeled) if counts.labeled else None,
                f1=counts.f1,
                artifact_recall=then.recall if then and then.support else None,
                artifact_share=then.support / known.rows if then and known else None,
            )
        )
    return found


def _confidence(manifest: Manifest, task: Task, logits: Array, labels: Array, variant: str) -> Confidence | None:
    if not task.exclusive:
        return None
    scores = task.activate(logits, manifest.temperature)
    gates = [gate for gate in manifest.gates if gate.get("gate") == "ECE" and gate.get("variant") == variant]
    then = gates[0].get("figure") if gates else None
    return Confidence(
        confidence=float(scores.max(axis=1).mean()),
        accuracy=float((scores.argmax(axis=1) == labels).mean()),
        ece=expected_calibration_error(scores, labels),
        artifact_ece=float(then) if isinstance(then, int | float) else None,
    )


def _accepted(manifest: Manifest, task: Task, logits: Array, labels: Array) -> Accepted | None:
    known = manifest.decision.abstain if manifest.decision else None
    if known is None:
        return None
    sure = task.confidence(task.activate(logits, manifest.temperature)) >= known.threshold
    answered, right = int(sure.sum()), int((task.row_errors(logits, labels)[sure] == 0).sum())
    return Accepted(
        coverage=answered / len(labels),
        coverage_interval=wilson_interval(answered, len(labels)),
        precision=right / answered if answered else None,
        precision_interval=wilson_interval(right, answered) if answered else None,
        artifact_coverage=known.coverage,
        artifact_precision=known.precision,
    )

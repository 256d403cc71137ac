"""Comparison of methods over seeds and held-out rows: means, standard deviations, paired intervals. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.check.quality import Against, above_chance
from ackd_deploy.experiments.records import GapRecord, MethodRecord
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.paired import Difference, pooled_difference

__all__ = ["REFERENCES", "Series", "compare_series", "difference", "seed_pairs", "summary"]

Array = NDArray[Any]

REFERENCES = ("kd", "finetune")
"""The methods that every other one is compared with."""


@dataclass(frozen=True, eq=False)
class Series:
    """One method's trainings, one for each seed, on the same N validation rows.

    Attributes:
        method: its name.
        seeds: [S].
        metrics: [S] metrics by name.
        logits: [S] arrays [N, C].
        labels: [N] or [N, C].
        seconds: [S] of training.
    """

    method: str
    seeds: list[int]
    metrics: list[dict[str, float]]
    logits: list[Array]
    labels: Array
    seconds: list[float]


def summary(series: Series, task: Task) -> tuple[float, float | None]:
    """Return mean and sample standard deviation over seeds of the deciding metric; no deviation for one seed."""
    values = [entry[task.metric.name] for entry in series.metrics]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def seed_pairs(series: Series, reference: Series) -> list[tuple[Array, Array]]:
    """Return the logits of both methods seed by seed, the reference's first.

    Raises:
        ValueError: seeds or rows differ.
    """
    if series.seeds != reference.seeds or not np.array_equal(series.labels, reference.labels):
        raise ValueError(f"{series.method} and {reference.method} were not trained on the same seeds and rows")
    return list(zip(reference.logits, series.logits, strict=True))


def difference(task: Task, series: Series, reference: Series) -> Difference:
    """Compare two methods that were trained with the same seeds; see `pooled_difference`.

    Raises:
        ValueError: seeds or rows differ.
    """
    return pooled_difference(task, [seed_pairs(series, reference)], series.labels)


def compare_series(task: Task, everything: list[Series], against: Against | None = None) -> list[MethodRecord]:
    """Return a record for each method, with its differences to ``kd`` and ``finetune``, if any.

    Args:
        task: decides the metric.
        everything: a series for each method.
        against: what each training is held against; None: that is not told.
    """
    found = {series.method: series for series in everything}
    records = []
    for series in everything:
        mean, deviation = summary(series, task)
        references = [name for name in REFERENCES if name in found and name != series.method]
        records.append(
            MethodRecord(
                method=series.method,
                metric=task.metric.name,
                seeds=series.seeds,
                values=[entry[task.metric.name] for entry in series.metrics],
                mean=mean,
                std=deviation,
                seconds=float(np.mean(series.seconds)),
                differences={name: _gap(difference(task, series, found[name])) for name in references},
                above_chance=None if against is None else _above_chance(task, series, against),
            )
        )
    return records


def _above_chance(task: Task, series: Series, against: Against) -> bool:
    judged = (above_chance(series.method, task, logits, series.labels, against) for logits in series.logits)
    return all(result.verdict == "pass" for result in judged)


def _gap(found: Difference) -> GapRecord:
    low, high = found.interval
    return GapRecord(mean=found.difference, low=low, high=high, beyond_noise=found.is_shown)

"""Parts of the rows, each judged for itself and against the rest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks import Task
from ackd_deploy.tasks.intervals import Interval, metric_interval
from ackd_deploy.tasks.unpaired import move

__all__ = ["Slice", "by_group", "by_length", "slices"]

Array = NDArray[Any]
Named = tuple[str, NDArray[np.bool_]]
_FEW_ROWS = 10
_MOST_GROUPS = 20


@dataclass(frozen=True)
class Slice:
    """The deciding metric on some of the rows.

    Attributes:
        name: of the slice.
        rows: their number.
        value: the deciding metric.
        interval: its 95 % interval.
        against_rest: better, worse or no difference shown; None where all rows are in it.
    """

    name: str
    rows: int
    value: float
    interval: Interval
    against_rest: str | None


def by_length(lengths: Sequence[int]) -> Iterator[Named]:
    """Yield up to four slices of like size by number of tokens, shortest first."""
    counts = np.asarray(lengths)
    edges = sorted({int(edge) for edge in np.quantile(counts, [0.25, 0.5, 0.75, 1.0], method="inverted_cdf")})
    low = int(counts.min())
    for edge in edges:
        name = f"{low} to {edge} tokens" if low < edge else f"{edge} tokens"
        yield name, (counts >= low) & (counts <= edge)
        low = edge + 1


def by_group(column: str, groups: Sequence[str]) -> Iterator[Named]:
    """Yield a slice for each of the 20 most frequent values of a column."""
    values = np.asarray(groups, dtype=object)
    names, counts = np.unique(values, return_counts=True)
    for place in sorted(range(len(names)), key=lambda index: (-counts[index], names[index]))[:_MOST_GROUPS]:
        yield f"{column} = {names[place]}", values == names[place]


def slices(task: Task, logits: Array, labels: Array, named: Iterator[Named]) -> list[Slice]:
    """Judge each slice of at least 10 rows.

    Against the rest its rows are compared as independent ones (`move`), at the 95 % level for each slice: of 40 slices
    that differ in nothing, two are expected to be marked.
    """
    found = []
    for name, inside in named:
        rows = int(inside.sum())
        if rows < _FEW_ROWS:
            continue
        value, interval = _figure(task, logits, labels, inside)
        against = None
        if len(labels) - rows >= _FEW_ROWS:
            against = move(*_figure(task, logits, labels, ~inside), value, interval).verdict(task.metric.facts)
        found.append(Slice(name, rows, value, interval, against))
    return found


def _figure(task: Task, logits: Array, labels: Array, inside: NDArray[np.bool_]) -> tuple[float, Interval]:
    return task.score(logits[inside], labels[inside]), metric_interval(task, logits[inside], labels[inside])

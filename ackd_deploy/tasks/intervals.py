"""Two-sided 95 % intervals: Wilson's for a share of rows, a median's, the bootstrap's for everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.task import Task

__all__ = ["DRAWS", "Interval", "Z", "bootstrap_interval", "median_interval", "metric_interval", "wilson_interval"]

Array = NDArray[Any]
Floats = NDArray[np.float64]
Interval = tuple[float, float]
"""Its lower and its upper end."""

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

DRAWS = 10_000
"""Draws of every bootstrap. An end of the interval then lies between the true 2.2 % and 2.8 % quantiles (95 %)."""

_BLOCK = 4_000_000


def wilson_interval(successes: int, n: int) -> Interval:
    """Wilson's score interval of a proportion; sound near 0 and 1, where agreement lives.

    Source: E. B. Wilson, JASA 22 (1927).

    >>> low, high = wilson_interval(81, 263)
    >>> print(f"{low:.4f} to {high:.4f}")
    0.2553 to 0.3662
    """
    if n <= 0:
        raise ValueError("a proportion needs at least one row")
    share = successes / n
    center = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, float(center - half)), min(1.0, float(center + half))


def median_interval(values: Array) -> Interval:
    """Interval of the median of values [N] by order statistics (the sign test's).

    The ranks are the binomial's by its normal approximation, which covers 92 to 98 % from 6 values on.
    """
    ordered = np.sort(values)
    n = len(ordered)
    half = Z * np.sqrt(n) / 2
    low, high = max(0, int(np.floor(n / 2 - half))), min(n - 1, int(np.ceil(n / 2 + half)) - 1)
    return float(ordered[low]), float(ordered[max(high, low)])


def bootstrap_interval(
    experiments: Sequence[Array], figure: Callable[[Floats], Floats], *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Percentile bootstrap of a figure over rows and, where there are several, over trainings.

    In each draw the rows are drawn anew, the same for everything, and the trainings of each experiment are; the figure
    of every training is computed from the drawn rows, and averaged over trainings, then over experiments. With several
    trainings the interval answers for other rows and other seeds at once; it is a little too wide, as crossed
    bootstraps are (Owen 2007, The pigeonhole bootstrap), and with a few seeds it still knows little about their spread.

    Args:
        experiments: each [S, N, K]: K statistics of each of the N rows, from each of S trainings on the same rows.
        figure: [..., K] means over rows -> [...]. It may be infinite where there is one training.
        draws: number of draws.
        seed: of the draws.
    """
    rows = experiments[0].shape[1]
    flat = np.concatenate([np.moveaxis(e, 1, 0).reshape(rows, -1) for e in experiments], axis=1).astype(np.float64)
    cells, counts = np.unique(flat, axis=0, return_counts=True)
    edges = np.cumsum([0, *(e.shape[0] * e.shape[2] for e in experiments)])
    generator = np.random.default_rng(seed)
    found = []
    block = max(1, _BLOCK // max(rows, flat.shape[1]))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        means = _row_weights(generator, counts, size) @ cells
        drawn = np.zeros(size)
        for experiment, low, high in zip(experiments, edges[:-1], edges[1:], strict=True):
            trainings = experiment.shape[0]
            figures = figure(means[:, low:high].reshape(size, trainings, -1))
            weights = generator.multinomial(trainings, np.full(trainings, 1 / trainings), size) / trainings
            drawn += (figures * weights).sum(axis=1)
        found.append(drawn / len(experiments))
    # Order statistics themselves: interpolating between infinities would give NaN.
    ends = np.quantile(np.concatenate(found), [0.025, 0.975], method="nearest")
    return float(ends[0]), float(ends[1])


def _row_weights(generator: np.random.Generator, counts: Array, size: int) -> Floats:
    """Shares [size, cells] of N drawn rows that fall into cells of so many equal rows each."""
    rows, cells = int(counts.sum()), len(counts)
    if cells * 16 < rows:
        return generator.multinomial(rows, counts / rows, size) / rows
    # The same distribution; drawing row by row is faster where hardly any rows are equal.
    cell = np.repeat(np.arange(cells), counts)
    picks = cell[generator.integers(0, rows, size=(size, rows))] + np.arange(size)[:, None] * cells
    return np.bincount(picks.reshape(-1), minlength=size * cells).reshape(size, cells) / rows


def metric_interval(task: Task, logits: Array, labels: Array) -> Interval:
    """Interval of the task's deciding metric over rows: Wilson's for a share of right rows, else the bootstrap's."""
    statistics = task.statistics(logits, labels)
    if task.metric.is_share:
        return wilson_interval(int(statistics.sum()), len(statistics))
    return bootstrap_interval([statistics[None]], task.metric.of_means)

"""Metrics of numbers against numbers: two correlations, and three errors, of which less is better."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metrics import Metric

__all__ = ["MAE", "MSE", "PEARSON", "RMSE", "SPEARMAN"]

Array = NDArray[Any]
Floats = NDArray[np.float64]


def _moments(decisions: Array, truth: Array, classes: int) -> Floats:
    # A correlation does not depend on where 0 is; about the mean, the products keep their digits.
    a, b = decisions - decisions.mean(), truth - truth.mean()
    return np.stack([a, b, a * a, b * b, a * b], axis=1)


def _correlation(means: Floats) -> Floats:
    a, b, aa, bb, ab = np.moveaxis(means, -1, 0)
    spread_a, spread_b = aa - a * a, bb - b * b
    # What is left of a constant's variance is rounding: its correlation is undefined, and counts as 0.
    varies = (spread_a > 1e-12 * aa) & (spread_b > 1e-12 * bb)
    scale = np.sqrt(np.where(varies, spread_a * spread_b, 1.0))
    return np.where(varies, (ab - a * b) / scale, 0.0)


class _Ranked:
    """The share of rows below each row, ties counted half, and sums over the rows above it."""

    def __init__(self, values: Array) -> None:
        _, self._group, counts = np.unique(values, return_inverse=True, return_counts=True)
        self.share: Floats = ((np.cumsum(counts) - counts / 2) / len(values))[self._group]
        self.spread = float(np.square(self.share).mean() - 0.25)

    def above(self, values: Floats) -> Floats:
        """Return for each row the mean over all rows of ``values`` where they rank above it, ties counted half."""
        sums = np.bincount(self._group, values)
        return np.asarray((values.sum() - np.cumsum(sums) + sums / 2)[self._group] / len(values))

    def change(self, other: _Ranked) -> Floats:
        """Return how the mean product of both shares changes with the weight of each row."""
        product = self.share * other.share
        moved = self.above(other.share) + other.above(self.share)
        return np.asarray(product + moved - 3 * product.mean())


def _rank_influence(decisions: Array, truth: Array, classes: int) -> Floats:
    """Return [N, 1] statistics whose mean is atanh(Spearman's r).

    A drawn row moves the ranks of all others, so that r is no function of means of fixed ranks. It is to first order:
    each row has atanh(r) plus its influence on it, the derivative of r (of ranks with ties counted half) by the row's
    weight. On the scale of atanh that order is enough and the interval stays within -1 and 1. Source of the influence
    without ties: Croux and Dehon, Influence functions of the Spearman and Kendall correlation measures, Statistical
    Methods and Applications 19 (2010).
    """
    a, b = _Ranked(decisions), _Ranked(truth)
    scale = np.sqrt(a.spread * b.spread)
    if scale < 1e-12:
        return np.zeros((len(truth), 1))
    r = float(np.clip(((a.share * b.share).mean() - 0.25) / scale, -1 + 1e-15, 1 - 1e-15))
    influence = a.change(b) / scale - r / 2 * (a.change(a) / a.spread + b.change(b) / b.spread)
    # At an r of 1 or -1 it is 0, but for rounding.
    steepness = 1 / (1 - r * r) if 1 - r * r > 1e-9 else 0.0
    return np.asarray(np.arctanh(r) + influence * steepness)[:, None]


def _of_atanh(means: Floats) -> Floats:
    return np.tanh(means[..., 0])


def _squares(decisions: Array, truth: Array, classes: int) -> Floats:
    return np.asarray(np.square(decisions - truth), dtype=np.float64)[:, None]


def _distances(decisions: Array, truth: Array, classes: int) -> Floats:
    return np.asarray(np.abs(decisions - truth), dtype=np.float64)[:, None]


def _variance(truth: Array) -> float:
    return float(np.var(truth)) or 1.0


def _deviation(truth: Array) -> float:
    return float(np.std(truth)) or 1.0


def _median_distance(truth: Array) -> float:
    return float(np.abs(truth - np.median(truth)).mean()) or 1.0


PEARSON = Metric("pearson", _moments, _correlation, of_sample=True)
SPEARMAN = Metric("spearman", _rank_influence, _of_atanh, of_sample=True)
MSE = Metric("mse", _squares, lambda means: means[..., 0], span=_variance)
RMSE = Metric("rmse", _squares, lambda means: np.sqrt(means[..., 0]), span=_deviation)
MAE = Metric("mae", _distances, lambda means: means[..., 0], span=_median_distance)

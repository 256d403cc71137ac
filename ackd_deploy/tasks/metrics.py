"""Metrics of decisions against labels; higher is better for every metric that can decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACCURACY", "MICRO_F1", "PEARSON", "Metric", "macro_f1"]

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure that depends on the rows only through means of K statistics of each of them.

    That is what makes its interval cheap: a bootstrap resamples the rows' statistics, and never computes the metric
    from decisions again.

    Attributes:
        name: as tables and records have it.
        rows: (decisions, truth) -> [N, K] statistics of each row.
        of_means: [..., K] means of them -> [...] the metric.
        is_share: whether it is the share of rows that are right (K = 1, each 0 or 1), so that Wilson's interval and
            McNemar's test hold.
    """

    name: str
    rows: Callable[[Array, Array], Floats]
    of_means: Callable[[Floats], Floats]
    is_share: bool = False

    def value(self, decisions: Array, truth: Array) -> float:
        """Return the metric of N rows."""
        return float(self.of_means(self.rows(decisions, truth).mean(axis=0)))


def macro_f1(hits: Array, positives: Array) -> float:
    """Mean over classes of F1 = 2 TP / (predicted + labeled), from [C] true positives and [C] sums of both counts.

    Classes that neither occur nor are predicted say nothing and are left out, as in scikit-learn.
    """
    there = positives > 0
    return float((2 * hits[there] / positives[there]).mean()) if there.any() else 0.0


def _right(decisions: Array, truth: Array) -> Floats:
    return np.asarray(decisions == truth, dtype=np.float64)[:, None]


def _positives(decisions: Array, truth: Array) -> Floats:
    hits, positives = (decisions & truth).sum(axis=1), decisions.sum(axis=1) + truth.sum(axis=1)
    return np.stack([hits, positives], axis=1).astype(np.float64)


def _f1(means: Floats) -> Floats:
    hits, positives = means[..., 0], means[..., 1]
    # No label anywhere, neither given nor predicted: 0, as in scikit-learn.
    return np.divide(2 * hits, positives, out=np.zeros_like(hits), where=positives > 0)


def _moments(decisions: Array, truth: Array) -> Floats:
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


ACCURACY = Metric("accuracy", _right, lambda means: means[..., 0], is_share=True)
MICRO_F1 = Metric("micro_f1", _positives, _f1)
PEARSON = Metric("pearson", _moments, _correlation)

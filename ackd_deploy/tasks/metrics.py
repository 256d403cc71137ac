"""Metrics as functions of means over rows, and those of classes; `value_metrics` has those of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metric_names import CLASS_F1, MetricName, metric_name

__all__ = [
    "ACCURACY",
    "BALANCED_ACCURACY",
    "EXACT_MATCH",
    "MACRO_F1",
    "MCC",
    "MICRO_F1",
    "SAMPLES_F1",
    "WEIGHTED_F1",
    "Metric",
    "f1_of_class",
]

Array = NDArray[Any]
Floats = NDArray[np.float64]
_CHUNK = 65_536


def _one(truth: Array) -> float:
    return 1.0


@dataclass(frozen=True)
class Metric:
    """A figure that depends on the rows only through means of K statistics of each of them.

    That is what makes its interval cheap: a bootstrap resamples the rows' statistics, and never computes the metric
    from decisions again.

    Attributes:
        name: as recipes and records have it; `facts` says which way is better.
        rows: (decisions, truth, number of classes) -> [N, K] statistics of each row.
        of_means: [..., K] means of them -> [...] the metric.
        is_share: whether it is the share of rows that are right (K = 1, each 0 or 1), so that Wilson's interval and
            McNemar's test hold.
        span: truth -> the change of the metric that counts as 100 points. 1 for shares and correlations; for an
            error, that of the best constant answer, so that a point of the mean squared error is one of R².
        of_guessing: means of the statistics -> the metric that the same answers would have, given to other rows at
            random. None where a constant answer is at least as good as any guess.
        of_sample: whether a row's statistics depend on the other rows, as ranks do.
    """

    name: str
    rows: Callable[[Array, Array, int], Floats]
    of_means: Callable[[Floats], Floats]
    is_share: bool = False
    span: Callable[[Array], float] = _one
    of_guessing: Callable[[Floats], Floats] | None = None
    of_sample: bool = False

    @property
    def facts(self) -> MetricName:
        """Its title, how its figures are written, and which way is better."""
        return metric_name(self.name)

    def value(self, decisions: Array, truth: Array, classes: int) -> float:
        """Return the metric of N rows."""
        if self.of_sample or len(truth) <= _CHUNK:
            return float(self.of_means(self.rows(decisions, truth, classes).mean(axis=0)))
        # Statistics of a million rows of many classes would take gigabytes.
        parts = (slice(start, start + _CHUNK) for start in range(0, len(truth), _CHUNK))
        sums = sum(self.rows(decisions[part], truth[part], classes).sum(axis=0) for part in parts)
        return float(self.of_means(np.asarray(sums) / len(truth)))


def f1_of_class(name: str, index: int | None) -> Metric:
    """Return F1 of one class.

    Args:
        name: of the class.
        index: its place among the label names; None while these are not known: the metric has a name then and
            computes nothing.
    """

    def rows(decisions: Array, truth: Array, classes: int) -> Floats:
        if index is None:
            raise ValueError(f"{CLASS_F1}{name} was asked for before its label names were known")
        predicted, labeled = _indicators(decisions, classes)[:, index], _indicators(truth, classes)[:, index]
        return np.stack([predicted * labeled, predicted + labeled], axis=1)

    return Metric(f"{CLASS_F1}{name}", rows, _f1)


def _indicators(answers: Array, classes: int) -> Floats:
    """Return [N, C] zeros and ones of class ids [N] or of booleans [N, C]."""
    return (answers if answers.ndim == 2 else answers[:, None] == np.arange(classes)).astype(np.float64)


def _both(decisions: Array, truth: Array, classes: int) -> tuple[Floats, Floats]:
    return _indicators(decisions, classes), _indicators(truth, classes)


def _ratio(above: Floats, below: Floats) -> Floats:
    # 0 where nothing was counted, as in scikit-learn.
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _f1(means: Floats) -> Floats:
    return _ratio(2 * means[..., 0], means[..., 1])


def _right(decisions: Array, truth: Array, classes: int) -> Floats:
    return np.asarray(decisions == truth, dtype=np.float64)[:, None]


def _all_right(decisions: Array, truth: Array, classes: int) -> Floats:
    return np.asarray((decisions == truth).all(axis=1), dtype=np.float64)[:, None]


def _positives(decisions: Array, truth: Array, classes: int) -> Floats:
    hits, positives = (decisions & truth).sum(axis=1), decisions.sum(axis=1) + truth.sum(axis=1)
    return np.stack([hits, positives], axis=1).astype(np.float64)


def _f1_of_rows(decisions: Array, truth: Array, classes: int) -> Floats:
    return _f1(_positives(decisions, truth, classes))[:, None]


def _first(means: Floats) -> Floats:
    return means[..., 0]


def _counts(decisions: Array, truth: Array, classes: int) -> Floats:
    """Return [N, 3C]: for each class whether it was found, the sum of predicted and labeled, and labeled."""
    predicted, labeled = _both(decisions, truth, classes)
    return np.concatenate([predicted * labeled, predicted + labeled, labeled], axis=1)


def _macro_f1(means: Floats) -> Floats:
    """Mean over classes of F1 = 2 TP / (predicted + labeled).

    Classes that neither occur nor are predicted say nothing and are left out, as in scikit-learn.
    """
    hits, positives, _ = np.split(means, 3, axis=-1)
    return _ratio(_ratio(2 * hits, positives).sum(axis=-1), (positives > 0).sum(axis=-1).astype(np.float64))


def _guessing(of_means: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """Return the metric where each class is hit as often as its shares of answers and of labels meet by chance."""

    def of_guessing(means: Floats) -> Floats:
        _, positives, labeled = np.split(means, 3, axis=-1)
        return of_means(np.concatenate([(positives - labeled) * labeled, positives, labeled], axis=-1))

    return of_guessing


def _weighted_f1(means: Floats) -> Floats:
    """Mean of the classes' F1, each weighted by its labeled rows."""
    hits, positives, labeled = np.split(means, 3, axis=-1)
    return _ratio((labeled * _ratio(2 * hits, positives)).sum(axis=-1), labeled.sum(axis=-1))


def _balanced_accuracy(means: Floats) -> Floats:
    """Mean of the recalls of the classes that occur."""
    hits, _, labeled = np.split(means, 3, axis=-1)
    return _ratio(_ratio(hits, labeled).sum(axis=-1), (labeled > 0).sum(axis=-1).astype(np.float64))


def _mcc(means: Floats) -> Floats:
    """Matthews correlation of any number of classes; 0 where one class is all of the answers or of the labels.

    Source: J. Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient,
    Computational Biology and Chemistry 28 (2004).
    """
    hits, positives, labeled = np.split(means, 3, axis=-1)
    predicted = positives - labeled
    spread = (1 - np.square(predicted).sum(axis=-1)) * (1 - np.square(labeled).sum(axis=-1))
    varies = spread > 1e-12
    covariance = hits.sum(axis=-1) - (predicted * labeled).sum(axis=-1)
    return np.where(varies, covariance / np.sqrt(np.where(varies, spread, 1.0)), 0.0)


ACCURACY = Metric("accuracy", _right, _first, is_share=True)
BALANCED_ACCURACY = Metric("balanced_accuracy", _counts, _balanced_accuracy)
EXACT_MATCH = Metric("exact_match", _all_right, _first, is_share=True)
MACRO_F1 = Metric("macro_f1", _counts, _macro_f1, of_guessing=_guessing(_macro_f1))
MCC = Metric("mcc", _counts, _mcc)
MICRO_F1 = Metric("micro_f1", _positives, _f1)
SAMPLES_F1 = Metric("samples_f1", _f1_of_rows, _first)
WEIGHTED_F1 = Metric("weighted_f1", _counts, _weighted_f1, of_guessing=_guessing(_weighted_f1))

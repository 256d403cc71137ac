"""From which confidence on an answer is given, and below which a person should look: selective classification."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CERTAINTY", "Selection", "Unreachable", "for_coverage", "for_precision"]

Array = NDArray[Any]

CERTAINTY = 0.9
"""Probability, over the draw of the rows, with which the precision of what is answered reaches its target."""

_STEPS = 20


@dataclass(frozen=True)
class Selection:
    """What a confidence threshold answers of the rows that it was chosen on.

    Attributes:
        threshold: an answer is given from this confidence on.
        answered: of the rows.
        right: of those answered.
        bound: least precision that the rows show, at `CERTAINTY`; None where coverage was the target.
    """

    threshold: float
    answered: int
    right: int
    bound: float | None = None


@dataclass(frozen=True)
class Unreachable:
    """No threshold reaches the precision that was asked for.

    Attributes:
        best: the threshold with the largest lower bound of the precision.
        needed: rows that would have to be answered, all of them rightly, before the target could be shown at all.
    """

    best: Selection
    needed: int


def for_precision(confidence: Array, right: Array, target: float) -> Selection | Unreachable:
    """Return the threshold that answers the most rows while the precision among the answered reaches a target.

    Candidates answer 5, 10, … 100 % of the rows, the surest first. One passes where the lower Clopper-Pearson bound of
    its precision, at the level (1 - `CERTAINTY`) / J, reaches the target; at most J candidates could pass if all their
    answers were right, which is known before a label is looked at. The largest that passes is taken. By the union bound
    the precision on further rows of the same kind is below the target in at most one of ten draws, however the
    confidence is distributed; the share of right rows itself, without a bound, would miss it in about every second.

    Sources: Y. Geifman and R. El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017 (their binary
    search over thresholds with the same bound and correction); A. Angelopoulos et al., Learn then Test, 2021 (the
    correction over a grid of thresholds).

    Args:
        confidence: [N] of rows that the model was not trained on.
        right: [N], whether each answer is right.
        target: precision, below 1.
    """
    error = 1 - CERTAINTY
    total = len(confidence)
    cuts = sorted({_cut(confidence, math.ceil(total * step / _STEPS)) for step in range(1, _STEPS + 1)})
    tests = next(j for j in range(1, _STEPS + 1) if sum(target**k <= error / j for k in _sizes(confidence, cuts)) <= j)
    found = [_selection(confidence, right, cut, error / tests) for cut in cuts]
    passing = [one for one in found if one.bound is not None and one.bound >= target]
    if passing:
        return max(passing, key=lambda one: one.answered)
    needed = math.ceil(math.log(error / tests) / math.log(target))
    return Unreachable(max(found, key=lambda one: (one.bound or 0.0, one.answered)), needed)


def for_coverage(confidence: Array, right: Array, target: float) -> Selection:
    """Return the threshold that answers at least a share of further rows, on average over draws of these rows.

    It lies below the k-th largest of N confidences, k = ⌈target · (N + 1)⌉: a further row is among the k largest of
    N + 1 with probability k / (N + 1), whatever their distribution. Source: the quantile of split conformal prediction
    (H. Papadopoulos et al., Inductive Confidence Machines for Regression, ECML 2002).

    Args:
        confidence: [N] of rows that the model was not trained on.
        right: [N], whether each answer is right.
        target: share to be answered.
    """
    return _selection(confidence, right, _cut(confidence, math.ceil(target * (len(confidence) + 1))), None)


def _cut(confidence: Array, count: int) -> float:
    """Return a threshold that the ``count`` largest reach, with those equal to the last; 0 for all rows.

    It is halfway to the next smaller confidence, so that no row lies on it.
    """
    if count >= len(confidence):
        return 0.0
    distinct = np.unique(confidence)
    place = int(np.searchsorted(distinct, np.sort(confidence)[-count]))
    return float((distinct[place] + distinct[place - 1]) / 2) if place else 0.0


def _sizes(confidence: Array, cuts: list[float]) -> list[int]:
    return [int((confidence >= cut).sum()) for cut in cuts]


def _selection(confidence: Array, right: Array, cut: float, error: float | None) -> Selection:
    answers = confidence >= cut
    answered, hits = int(answers.sum()), int(right[answers].sum())
    return Selection(cut, answered, hits, None if error is None else _lower_bound(hits, answered, error))


def _lower_bound(hits: int, answered: int, error: float) -> float:
    """Lower end of the one-sided Clopper-Pearson interval of a share, at the level 1 - error."""
    from scipy.stats import beta

    return float(beta.ppf(error, hits, answered - hits + 1)) if hits else 0.0

"""Thresholds on confidence: by hand, against scipy, and how often the precision is missed on further rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest

from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from ackd_deploy.tasks.abstention import CERTAINTY, Selection, Unreachable, for_coverage, for_precision
from ackd_deploy.tasks.thresholds import Thresholds


def test_confidence_by_hand() -> None:
    scores = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], dtype=np.float32)
    assert SINGLE_LABEL.confidence(scores).tolist() == pytest.approx([0.5, 0.6])
    # 0.8 * 0.5 * 0.7, the second label applies; 0.6 * 0.9 * 0.7, the first does.
    assert MULTI_LABEL.confidence(scores).tolist() == pytest.approx([0.28, 0.378])
    lower = SINGLE_LABEL.with_thresholds(Thresholds((0.25,), 1))
    assert lower.confidence(np.array([[0.7, 0.3], [0.8, 0.2]])).tolist() == pytest.approx([0.3, 0.8])
    with pytest.raises(ValueError, match="no confidence"):
        REGRESSION.confidence(np.array([[1.0]]))


def test_precision_by_hand() -> None:
    # 100 rows; all but the 20 least sure are right.
    confidence = np.arange(1, 101) / 101
    right = np.arange(1, 101) > 20
    found = for_precision(confidence, right, 0.9)
    assert isinstance(found, Selection)

    # For 11 tests 12 candidates could pass (45 rows or more, 0.9^45 < 0.1/11); for 12 tests 11 (50 or more).
    assert 0.9**45 < 0.1 / 11 < 0.9**40
    assert 0.9**50 < 0.1 / 12 < 0.9**45

    def bound(answered: int, hits: int) -> float:
        test = binomtest(hits, answered, alternative="greater")
        return float(test.proportion_ci(confidence_level=1 - 0.1 / 12, method="exact").low)

    assert bound(80, 80) >= 0.9 > bound(85, 80)
    assert (found.answered, found.right) == (80, 80)
    assert found.bound == pytest.approx(bound(80, 80))
    assert found.threshold == pytest.approx((20.5) / 101)


def test_all_rows_are_answered_where_they_reach_the_target() -> None:
    found = for_precision(np.linspace(0.5, 1, 200), np.ones(200, dtype=bool), 0.95)
    assert isinstance(found, Selection)
    assert (found.threshold, found.answered, found.right) == (0.0, 200, 200)


def test_a_precision_that_no_threshold_reaches() -> None:
    confidence, right = np.linspace(0.5, 1, 40), np.ones(40, dtype=bool)
    found = for_precision(confidence, right, 0.99)
    assert isinstance(found, Unreachable)
    # Nothing could pass, so one test has the whole level: 0.99^230 < 0.1 < 0.99^229.
    assert found.needed == 230
    assert (found.best.answered, found.best.right) == (40, 40)
    assert found.best.bound == pytest.approx(0.1 ** (1 / 40))


@given(arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])), st.data())
def test_of_all_candidates_that_pass_the_largest(confidence: np.ndarray, data: st.DataObject) -> None:
    right = data.draw(arrays(np.bool_, len(confidence)))
    target = data.draw(st.sampled_from([0.3, 0.5, 0.7, 0.9]))
    found = for_precision(confidence, right, target)
    # Every set that a share of 5, 10 … % of the rows makes, with ties; tests counted as the docstring says.
    ordered = np.sort(confidence)[::-1]
    sets = {int((confidence >= ordered[math.ceil(len(ordered) * s / 20) - 1]).sum()) for s in range(1, 21)}
    tests = next(j for j in range(1, 21) if sum(target**k <= 0.1 / j for k in sets) <= j)
    passing = [
        k
        for k in sets
        if (hits := int(right[np.argsort(-confidence, kind="stable")][:k].sum()))
        and binomtest(hits, k, alternative="greater").proportion_ci(1 - 0.1 / tests, "exact").low >= target
    ]
    assert (found.answered if isinstance(found, Selection) else None) == max(passing, default=None)
    if isinstance(found, Selection):
        assert found.answered == int((confidence >= found.threshold).sum())


@pytest.mark.parametrize(("accuracy_of_sure", "target"), [(0.5, 0.9), (0.9, 0.9), (1.0, 0.9)])
def test_the_target_is_missed_in_at_most_one_draw_of_ten(accuracy_of_sure: float, target: float) -> None:
    """The accuracy grows from 0.8 to this with the confidence, or falls; the true precision is the integral above."""
    draw = np.random.default_rng(3)
    low, slope = 0.8, accuracy_of_sure - 0.8
    missed = 0
    for _ in range(200):
        confidence = draw.random(300)
        right = draw.random(300) < low + slope * confidence
        found = for_precision(confidence, right, target)
        if isinstance(found, Selection):
            missed += low + slope * (1 + found.threshold) / 2 < target
    assert missed / 200 <= 1 - CERTAINTY


def test_coverage_by_hand() -> None:
    confidence, right = np.arange(1, 100) / 100, np.arange(1, 100) % 2 == 0
    # 99 rows: 90 of 100 places.
    found = for_coverage(confidence, right, 0.9)
    assert (found.threshold, found.answered, found.right, found.bound) == (pytest.approx(0.095), 90, 45, None)
    assert for_coverage(confidence, right, 0.999).threshold == 0.0


def test_coverage_on_further_rows() -> None:
    draw = np.random.default_rng(4)
    found = []
    for _ in range(400):
        confidence = draw.random(19)
        found.append(1 - for_coverage(confidence, confidence > 0.5, 0.7).threshold)
    # 14 of 20 places, and half a place more, for the threshold lies halfway to the next row.
    assert np.mean(found) == pytest.approx(14.5 / 20, abs=0.01)

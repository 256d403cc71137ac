"""One answer to 'is the second better', by hand, by scipy and by simulation."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, pearsonr

from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from ackd_deploy.tasks.paired import (
    Difference,
    error_growth,
    mcnemar_p_value,
    paired_difference,
    pooled_difference,
)

LABELS = np.arange(200) % 2


def answers(right: Any, labels: np.ndarray = LABELS) -> np.ndarray:
    """Logits of a model that is right on the given rows (places, or booleans)."""
    mask = np.zeros(len(labels), dtype=bool)
    mask[right] = True
    return np.eye(2)[np.where(mask, labels, 1 - labels)]


def test_counts_difference_interval_and_p_by_hand() -> None:
    first = answers(slice(0, 160))
    second = answers(slice(6, 180))
    d = paired_difference(SINGLE_LABEL, first, second, LABELS)
    assert (d.only_first, d.only_second, d.rows) == (6, 20, 200)
    assert d.difference == pytest.approx(0.07)
    # Agresti and Min: half a row added to each of the four cells: 20.5 - 6.5 of 202, and the Wald interval of those.
    half = 1.959964 * math.sqrt(27 - 14**2 / 202) / 202
    assert d.interval == pytest.approx((14 / 202 - half, 14 / 202 + half))
    # Exact McNemar: 2 · P(X <= 6) for X ~ Binomial(26, 1/2) = 2 · 313,912 / 2^26.
    assert d.p_value == pytest.approx(2 * 313_912 / 2**26)
    assert d.verdict == "better"


def test_swapping_turns_the_sign() -> None:
    first, second = answers(slice(0, 150)), answers(slice(20, 190))
    there = paired_difference(SINGLE_LABEL, first, second, LABELS)
    back = paired_difference(SINGLE_LABEL, second, first, LABELS)
    assert back.difference == pytest.approx(-there.difference)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert (there.verdict, back.verdict) == ("better", "worse")


def test_equal_models_show_no_difference() -> None:
    same = answers(slice(0, 100))
    d = paired_difference(SINGLE_LABEL, same, same, LABELS)
    assert (d.difference, d.p_value, d.verdict) == (0.0, 1.0, "no difference shown")
    # 200 rows without a difference still leave one of about a point possible.
    assert d.interval == pytest.approx((-1.959964 / 202, 1.959964 / 202))


def test_five_rows_alone_show_nothing() -> None:
    # The interval leaves out 0 here; the exact test (p = 2 / 2^5) knows better.
    d = paired_difference(SINGLE_LABEL, answers(slice(0, 100)), answers(slice(0, 105)), LABELS)
    assert d.interval[0] > 0
    assert d.p_value == pytest.approx(2 / 32)
    assert d.verdict == "no difference shown"


@pytest.mark.parametrize(
    ("interval", "p", "verdict"),
    [
        ((0.01, 0.02), None, "better"),
        ((-0.02, -0.01), 0.04, "worse"),
        ((0.0, 0.02), None, "no difference shown"),
        ((-0.02, 0.0), None, "no difference shown"),
        ((0.01, 0.02), 0.05, "no difference shown"),
    ],
)
def test_the_rule(interval: tuple[float, float], p: float | None, verdict: str) -> None:
    found = Difference(100, sum(interval) / 2, interval, p_value=p)
    assert found.verdict == verdict
    assert found.is_shown == (verdict != "no difference shown")


def test_the_interval_covers_the_truth() -> None:
    # 400 simulated tables with a true loss of 2 points.
    generator = np.random.default_rng(1)
    labels = np.zeros(500, dtype=np.int64)
    hits = 0
    for _ in range(400):
        cells = generator.choice(4, p=[0.05, 0.03, 0.07, 0.85], size=500)
        first, second = answers((cells == 0) | (cells == 3), labels), answers((cells == 1) | (cells == 3), labels)
        low, high = paired_difference(SINGLE_LABEL, first, second, labels).interval
        hits += low <= -0.02 <= high
    assert 0.92 <= hits / 400 <= 0.98


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_equals_the_sum_over_all_coin_sequences(b: int, c: int) -> None:
    n = b + c
    p = [math.comb(n, k) / 2**n for k in range(n + 1)]
    exact = sum(q for q in p if q <= p[b] * (1 + 1e-9))
    assert mcnemar_p_value(b, c) == pytest.approx(min(1.0, exact))


def test_regression_compares_correlations() -> None:
    generator = np.random.default_rng(3)
    truth = generator.normal(size=300)
    close = (truth + generator.normal(scale=0.2, size=300))[:, None]
    far = (truth + generator.normal(scale=2.0, size=300))[:, None]
    d = paired_difference(REGRESSION, far, close, truth)

    def gap(rows: np.ndarray) -> float:
        new, old = (pearsonr(side[rows, 0], truth[rows]).statistic for side in (close, far))
        return float(new - old)

    assert d.difference == pytest.approx(gap(np.arange(300)))
    expected = bootstrap(
        (np.arange(300),), gap, vectorized=False, method="percentile", n_resamples=1500, rng=np.random.default_rng(0)
    ).confidence_interval
    assert d.interval == pytest.approx(tuple(expected), abs=0.01)
    assert d.verdict == "better"
    assert d.p_value is None


def test_one_training_is_compared_the_same_way_wherever_it_is_asked_for() -> None:
    first, second = answers(slice(0, 150)), answers(slice(5, 165))
    assert pooled_difference(SINGLE_LABEL, [[(first, second)]], LABELS) == paired_difference(
        SINGLE_LABEL, first, second, LABELS
    )


def test_several_trainings_average_and_have_no_single_test() -> None:
    base = [answers(slice(0, 120)), answers(slice(0, 130))]
    better = [answers(slice(0, 160)), answers(slice(0, 150))]
    d = pooled_difference(SINGLE_LABEL, [list(zip(base, better, strict=True))], LABELS)
    # 40 and 20 rows of 200 more.
    assert d.difference == pytest.approx(0.15)
    assert d.interval[0] < 0.15 < d.interval[1]
    assert (d.only_first, d.only_second, d.p_value) == (None, None, None)
    assert d.verdict == "better"


def test_several_experiments_on_the_same_rows() -> None:
    pair = (answers(slice(0, 120)), answers(slice(0, 160)))
    d = pooled_difference(SINGLE_LABEL, [[pair], [pair[::-1]]], LABELS)
    # What one wins the other loses, on the same rows.
    assert (d.difference, d.interval) == (0.0, (0.0, 0.0))


def test_growth_of_errors_by_hand() -> None:
    # 100 rows: 90 both right, 4 only the first, 1 only the second, 5 both wrong: 6 errors before, 9 after.
    labels = np.zeros(100, dtype=np.int64)
    first, second = answers(slice(0, 94), labels), answers([*range(90), 94], labels)
    growth, (low, high) = error_growth(SINGLE_LABEL, first, second, labels)
    assert growth == pytest.approx(0.5)
    # By hand: resamples of the four cells of the paired table.
    cells = np.random.default_rng(0).multinomial(100, [0.90, 0.04, 0.01, 0.05], size=20_000)
    before, after = cells[:, 2] + cells[:, 3], cells[:, 1] + cells[:, 3]
    ratios = np.where(before > 0, (after - before) / np.maximum(before, 1), np.where(after > 0, np.inf, 0.0))
    expected = np.quantile(ratios, [0.025, 0.975], method="nearest")
    assert (low, high) == pytest.approx(tuple(expected), abs=0.1)


def test_growth_of_squared_errors_and_of_wrong_labels() -> None:
    labels = np.array([0.0, 0.0, 0.0])
    growth, _ = error_growth(REGRESSION, np.array([[1.0], [1.0], [2.0]]), np.array([[1.0], [2.0], [2.0]]), labels)
    assert growth == pytest.approx(9 / 6 - 1)
    sets = np.array([[1.0, 0.0], [1.0, 0.0]])
    growth, _ = error_growth(
        MULTI_LABEL, np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([[1.0, 1.0], [-1.0, 1.0]]), sets
    )
    assert growth == pytest.approx(2.0)


def test_growth_from_nothing_is_infinite_and_never_nan() -> None:
    labels = np.zeros(4, dtype=np.int64)
    perfect, one_wrong = answers(slice(0, 4), labels), answers(slice(0, 3), labels)
    assert error_growth(SINGLE_LABEL, perfect, one_wrong, labels)[0] == math.inf
    assert error_growth(SINGLE_LABEL, perfect, perfect, labels) == (0.0, (0.0, 0.0))
    for first, second in itertools.product([perfect, one_wrong, answers([], labels)], repeat=2):
        growth, (low, high) = error_growth(SINGLE_LABEL, first, second, labels)
        assert not any(math.isnan(value) for value in (growth, low, high))

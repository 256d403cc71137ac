"""Intervals against the textbook, scipy and exact distributions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, bootstrap, pearsonr
from sklearn.metrics import f1_score

from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from ackd_deploy.tasks.intervals import bootstrap_interval, median_interval, metric_interval, wilson_interval


def mean_of(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def test_wilson_matches_the_textbook_values() -> None:
    # Newcombe (1998), table I: 81 of 263 -> 0.2553 to 0.3662; 15 of 148 -> 0.0624 to 0.1605.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_wilson_at_the_edges_stays_inside_zero_and_one() -> None:
    low, high = wilson_interval(20, 20)
    # With p = 1 the lower end is n / (n + z^2).
    assert low == pytest.approx(20 / (20 + 1.959964**2))
    assert high == 1.0
    with pytest.raises(ValueError, match="at least one row"):
        wilson_interval(0, 0)


@pytest.mark.parametrize("n", [1, 5, 8, 15, 21, 40, 200, 1001])
def test_the_median_lies_between_the_ranks_with_the_binomial_s_probability(n: int) -> None:
    """Values 0 … n - 1: the ends are the ranks, and B ~ Binomial(n, 1/2) values lie below the median."""
    low, high = median_interval(np.random.default_rng(0).permutation(n).astype(float))
    assert low <= (n - 1) / 2 <= high
    covered = binom.cdf(high, n, 0.5) - binom.cdf(low, n, 0.5)
    # Of 5 values the whole range covers 15/16 at most.
    assert 0.92 < covered < 0.98 or (low, high) == (0, n - 1)


def test_the_bootstrap_is_the_normal_interval_for_many_rows() -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, size=4000)
    low, high = bootstrap_interval([values[None, :, None]], mean_of)
    error = values.std() / math.sqrt(4000)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.01)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.01)


@pytest.mark.parametrize("rows", [12, 400])
def test_the_bootstrap_of_a_share_has_the_binomial_s_quantiles(rows: int) -> None:
    """400 equal rows are drawn as cells, 12 row by row: both have to be the same distribution."""
    right = np.arange(rows) < 0.75 * rows
    low, high = bootstrap_interval([right[None, :, None]], mean_of)
    expected = binom.ppf([0.025, 0.975], rows, 0.75) / rows
    assert (low, high) == pytest.approx(tuple(expected), abs=1.01 / rows)


def test_micro_f1_s_interval_is_scipy_s() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, (150, 3))
    logits = labels - 0.5 + rng.normal(size=labels.shape)

    def micro_f1(rows: np.ndarray) -> float:
        return float(f1_score(labels[rows], logits[rows] > 0, average="micro"))

    expected = bootstrap(
        (np.arange(150),),
        micro_f1,
        vectorized=False,
        method="percentile",
        n_resamples=1500,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert metric_interval(MULTI_LABEL, logits, labels) == pytest.approx(tuple(expected), abs=0.006)


def test_pearson_s_interval_is_scipy_s() -> None:
    rng = np.random.default_rng(5)
    labels = rng.normal(10, 2, size=120)
    logits = (labels + rng.normal(size=120))[:, None]
    expected = bootstrap(
        (logits[:, 0], labels),
        lambda a, b: pearsonr(a, b).statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=3000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert metric_interval(REGRESSION, logits, labels) == pytest.approx(tuple(expected), abs=0.006)


def test_accuracy_s_interval_is_wilson_s() -> None:
    labels = np.arange(10) % 2
    logits = np.eye(2)[np.where(np.arange(10) < 8, labels, 1 - labels)]
    # 8 of 10 by hand: center (0.8 + 0.19207) / 1.38415, half width 1.95996 / 1.38415 · sqrt(0.016 + 0.0096036).
    assert metric_interval(SINGLE_LABEL, logits, labels) == pytest.approx((0.490, 0.943), abs=5e-4)


def test_seeds_are_drawn_too() -> None:
    """Two trainings at 0 and 1 on every row: all that varies is which are drawn; quarters 0, 1/2, 1/2, 1."""
    trainings = np.stack([np.zeros((50, 1)), np.ones((50, 1))])
    assert bootstrap_interval([trainings], mean_of) == (0.0, 1.0)
    # Of one training drawn again and again there is no spread between seeds.
    assert bootstrap_interval([trainings[1:]], mean_of) == (1.0, 1.0)


def test_experiments_share_the_rows_and_have_trainings_of_their_own() -> None:
    """Rows that cancel out between two experiments cancel in every draw."""
    values = np.random.default_rng(0).normal(size=(1, 80, 1))
    low, high = bootstrap_interval([values, 1.0 - values], mean_of)
    assert (low, high) == pytest.approx((0.5, 0.5))


def test_the_crossed_interval_against_a_loop_that_draws_by_hand() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(3, 40, 1)) + np.array([0.0, 0.3, -0.2])[:, None, None]
    drawn = []
    for _ in range(4000):
        rows, seeds = rng.integers(40, size=40), rng.integers(3, size=3)
        drawn.append(values[seeds][:, rows].mean())
    assert bootstrap_interval([values], mean_of) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03)


def test_few_rows_have_all_their_resamples() -> None:
    # Three rows 0, 0, 1: the mean of a resample is 0 with probability 8/27, 1 with 1/27 = 3.7 %, above 2.5 %.
    assert bootstrap_interval([np.array([0.0, 0.0, 1.0])[None, :, None]], mean_of) == (0.0, 1.0)
    means = [np.mean(resample) for resample in itertools.product([0.0, 0.0, 1.0], repeat=3)]
    assert means.count(1.0) == 1


def test_memory_stays_small_however_many_rows_there_are() -> None:
    """Draws come in blocks: no array of draws x rows is made."""
    import tracemalloc

    values = np.random.default_rng(0).normal(size=(1, 50_000, 1))
    tracemalloc.start()
    bootstrap_interval([values], mean_of, draws=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000_000  # 1,000 x 50,000 float64 would be 400 MB

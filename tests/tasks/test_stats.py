import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.tasks.stats import (
    bootstrap_interval,
    expected_calibration_error,
    fit_temperature,
    mcnemar_p_value,
    paired_errors,
    softmax,
    wilson_interval,
)


def test_softmax_of_known_logits_and_no_overflow():
    # e^0 : e^ln3 = 1 : 3
    assert softmax(np.array([[0.0, math.log(3.0)]])) == pytest.approx(np.array([[0.25, 0.75]]))
    assert softmax(np.array([[1e4, -1e4]])) == pytest.approx(np.array([[1.0, 0.0]]))


def test_wilson_matches_the_textbook_values():
    # Newcombe (1998), table I: 81 of 263 -> 0.2553 to 0.3662; 15 of 148 -> 0.0624 to 0.1605.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_wilson_at_the_edges_stays_inside_zero_and_one():
    low, high = wilson_interval(20, 20)
    # With p = 1 the lower end is n / (n + z^2).
    assert low == pytest.approx(20 / (20 + 1.959964**2))
    assert high == 1.0
    with pytest.raises(ValueError):
        wilson_interval(0, 0)


def test_paired_errors_by_hand():
    # 100 rows: 90 both right, 4 only the first, 1 only the second, 5 both wrong.
    first = np.array([True] * 94 + [False] * 6)
    second = np.array([True] * 90 + [False] * 4 + [True] + [False] * 5)
    found = paired_errors(first, second)
    assert (found.only_first_right, found.only_second_right) == (4, 1)
    assert found.drop == pytest.approx(3.0)
    # Errors: 6 before, 9 after.
    assert found.growth == pytest.approx(0.5)
    # Agresti-Min: b = 4.5, c = 1.5, n = 102: center 3/102, half 1.96 * sqrt(6 - 9/102) / 102.
    half = 1.959964 * math.sqrt(6 - 9 / 102) / 102
    assert found.drop_interval == pytest.approx((100 * (3 / 102 - half), 100 * (3 / 102 + half)))
    assert found.growth_interval[0] < found.growth < found.growth_interval[1]
    # Two-sided sign test of 4 against 1: 2 * (C(5,0) + C(5,1)) / 32.
    assert found.p_value == pytest.approx(12 / 32)


def test_paired_errors_of_the_same_answers_and_of_a_perfect_student():
    right = np.array([True, True, False, True])
    same = paired_errors(right, right)
    assert (same.drop, same.growth, same.p_value) == (0.0, 0.0, 1.0)
    perfect = np.ones(4, dtype=bool)
    assert paired_errors(perfect, right).growth == math.inf
    assert paired_errors(perfect, perfect).growth == 0.0
    with pytest.raises(ValueError, match="one length"):
        paired_errors(perfect, np.ones(3, dtype=bool))


def test_the_paired_interval_covers_the_truth():
    # Independent check of the formula: 400 simulated tables with a true drop of 2 points.
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        cells = generator.choice(4, p=[0.05, 0.03, 0.07, 0.85], size=500)
        found = paired_errors((cells == 0) | (cells == 3), (cells == 1) | (cells == 3))
        hits += found.drop_interval[0] <= 2.0 <= found.drop_interval[1]
    assert 0.92 <= hits / 400 <= 0.98


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_equals_the_sum_over_all_coin_sequences(b, c):
    n = b + c
    p = [math.comb(n, k) / 2**n for k in range(n + 1)]
    exact = sum(q for q in p if q <= p[b] * (1 + 1e-9))
    assert mcnemar_p_value(b, c) == pytest.approx(min(1.0, exact))


def test_bootstrap_interval_is_the_normal_one_for_many_rows():
    values = np.random.default_rng(0).normal(2.0, 3.0, size=4000)
    low, high = bootstrap_interval(values, draws=2000)
    error = values.std() / math.sqrt(4000)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.02)


def test_ece_by_hand():
    # Two bins of ten: 0.95 twice, one right -> gap 0.45; 0.65 twice, both right -> gap 0.35; each half the rows.
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]])
    labels = np.array([0, 1, 1, 1])
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx(0.4)


def test_a_certain_prediction_falls_into_the_last_bin():
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered(true_temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, size=(20_000, 3))
    labels = np.array([generator.choice(3, p=row) for row in softmax(logits)])
    assert fit_temperature(logits * true_temperature, labels) == pytest.approx(true_temperature, rel=0.05)


def test_a_fitted_temperature_lowers_the_ece_of_an_overconfident_classifier():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 1, size=(4000, 2))
    labels = np.array([generator.choice(2, p=row) for row in softmax(logits)])
    loud = logits * 4
    temperature = fit_temperature(loud[:2000], labels[:2000])
    before = expected_calibration_error(softmax(loud[2000:]), labels[2000:])
    after = expected_calibration_error(softmax(loud[2000:] / temperature), labels[2000:])
    assert after < before / 3


def test_growth_interval_contains_only_reachable_values():
    for first, second in itertools.product([np.zeros(3, bool), np.ones(3, bool)], repeat=2):
        low, high = paired_errors(first, second).growth_interval
        assert not math.isnan(low)
        assert not math.isnan(high)

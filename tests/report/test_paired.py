from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from ackd_deploy.errors import DataError
from ackd_deploy.report.paired import paired_difference
from ackd_deploy.report.saved import Predictions
from tests.report.conftest import logits_with

LABELS = np.arange(200, dtype=np.int64) % 2


def answers(right: list[int]) -> Predictions:
    return Predictions(logits_with(right, LABELS), LABELS)


def test_counts_difference_and_p_by_hand() -> None:
    first = answers(list(range(160)))  # right: 0 … 159
    second = answers(list(range(6, 180)))  # right: 6 … 179
    d = paired_difference("single_label_classification", first, second)
    assert (d.only_first, d.only_second, d.rows) == (6, 20, 200)
    assert d.difference == pytest.approx(0.07)
    # Exact McNemar: 2 · P(X <= 6) for X ~ Binomial(26, 1/2) = 2 · 313,912 / 2^26.
    assert d.p_value == pytest.approx(2 * 313_912 / 2**26)
    assert d.interval[0] < 0.07 < d.interval[1]
    assert d.verdict == "better"


def test_swapping_turns_the_sign() -> None:
    first, second = answers(list(range(150))), answers(list(range(20, 190)))
    there = paired_difference("single_label_classification", first, second)
    back = paired_difference("single_label_classification", second, first)
    assert back.difference == pytest.approx(-there.difference)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=0.01)
    assert (there.verdict, back.verdict) == ("better", "worse")


def test_equal_models_show_no_difference() -> None:
    same = answers(list(range(100)))
    d = paired_difference("single_label_classification", same, same)
    assert (d.difference, d.interval, d.p_value) == (0.0, (0.0, 0.0), 1.0)
    assert d.verdict == "no difference shown"


def test_four_rows_alone_show_nothing() -> None:
    # The bootstrap's interval leaves out 0 here; the exact test (p = .125) knows better.
    d = paired_difference("single_label_classification", answers(list(range(100))), answers(list(range(104))))
    assert d.interval[0] > 0
    assert d.verdict == "no difference shown"


def test_regression_compares_correlations() -> None:
    generator = np.random.default_rng(3)
    truth = generator.normal(size=300)
    close = (truth + generator.normal(scale=0.2, size=300))[:, None]
    far = (truth + generator.normal(scale=2.0, size=300))[:, None]
    d = paired_difference("regression", Predictions(far, truth), Predictions(close, truth))
    assert d.difference == pytest.approx(pearsonr(close[:, 0], truth)[0] - pearsonr(far[:, 0], truth)[0])
    assert d.verdict == "better"
    assert d.p_value is None


@pytest.mark.parametrize("other", [LABELS[:-1], 1 - LABELS])
def test_other_rows_are_refused(other: np.ndarray) -> None:
    with pytest.raises(DataError, match="nothing to pair"):
        paired_difference(
            "single_label_classification",
            answers([0]),
            Predictions(np.zeros((len(other), 2), dtype=np.float32), other),
        )

"""Counts of classes: weights against scikit-learn's and by hand, and the warning from 1:10 on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from ackd_deploy.data.balance import MAX_POS_WEIGHT, class_weights, find_imbalance, warn_of_imbalance
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.errors import RecipeError

SINGLE, MULTI = "single_label_classification", "multi_label_classification"


def rows(labels: Any, names: tuple[str, ...], problem_type: str = SINGLE) -> LabeledTexts:
    array = np.array(labels, dtype=np.int64 if problem_type == SINGLE else np.float32)
    return LabeledTexts(["a text"] * len(array), None, array, names, problem_type)


def columns(*positives: int, total: int) -> list[list[float]]:
    return [[float(row < count) for count in positives] for row in range(total)]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_balanced_is_scikit_learns(labels: list[int]) -> None:
    found = class_weights(rows(labels, tuple("abcdef")), "balanced")
    assert found is not None
    there = np.unique(labels)
    expected = compute_class_weight("balanced", classes=there, y=np.array(labels))
    np.testing.assert_allclose(found[there], expected, rtol=1e-12)
    assert found[labels].mean() == pytest.approx(1.0)


def test_given_weights_have_mean_1_over_the_rows() -> None:
    # Weights 1 for three rows of "a", 5 for one of "b": the mean is 2.
    found = class_weights(rows([0, 0, 0, 1], ("a", "b")), {"b": 5.0})
    assert found is not None
    assert found.tolist() == [0.5, 2.5]


def test_multi_label_weights_are_negatives_by_positives_within_bounds() -> None:
    data = rows(columns(1, 2, 0, 400, 399, total=400), tuple("abcde"), MULTI)
    found = class_weights(data, "balanced")
    assert found is not None
    # 399/1 is capped; 398/2 too; no row says nothing; no negative; one negative.
    assert found.tolist() == [MAX_POS_WEIGHT, MAX_POS_WEIGHT, 1.0, 1 / MAX_POS_WEIGHT, 1 / MAX_POS_WEIGHT]
    assert class_weights(rows(columns(1, 3, total=4), ("a", "b"), MULTI), "balanced").tolist() == [3.0, 1 / 3]  # type: ignore[union-attr]
    assert class_weights(rows(columns(1, 3, total=4), ("a", "b"), MULTI), {"a": 7.0}).tolist() == [7.0, 1.0]  # type: ignore[union-attr]


def test_a_label_that_the_data_lacks() -> None:
    with pytest.raises(
        RecipeError, match=r"mine: 1 problem\n  distill\.class_weights\.spam: .* no such label"
    ) as error:
        class_weights(rows([0, 1], ("ham", "offer")), {"spam": 2.0, "ham": 1.0}, source="mine")
    assert error.value.hint == "the labels are 'ham', 'offer'"
    assert class_weights(rows([0, 1], ("ham", "offer")), None) is None


def test_imbalance_begins_at_1_to_10() -> None:
    def names(data: LabeledTexts) -> list[str]:
        return [one.name for one in find_imbalance(data)]

    assert names(rows([0] * 9 + [1], ("a", "b"))) == []
    assert names(rows([0] * 10 + [1], ("a", "b"))) == ["b"]
    # A class without a row is no imbalance but a mistake, told elsewhere.
    assert names(rows([0] * 30 + [1] * 2 + [2], tuple("abcd"))) == ["c", "b"]
    assert names(rows(columns(1, 2, total=11), ("a", "b"), MULTI)) == ["a"]
    target = LabeledTexts(["x"], None, np.array([1.0], dtype=np.float32), ("score",), "regression")
    assert find_imbalance(target) == []


def test_the_warning_has_counts_and_hints(capsys: pytest.CaptureFixture[str]) -> None:
    data = rows([0] * 1200 + [1] * 40, ("ham", "spam"))
    warn_of_imbalance(data, "balanced")
    assert capsys.readouterr().err == ""
    warn_of_imbalance(data, None)
    said = " ".join(capsys.readouterr().err.split())
    assert "'spam' 40 to 'ham' 1,200 training rows" in said
    assert "distill.class_weights: balanced" in said
    assert "macro_f1" in said

"""Task metrics against hand-worked values and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from ackd_deploy.tasks.metrics import metrics, predicted, primary, row_scores

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def test_primary_is_among_the_metrics() -> None:
    logits, labels = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1, 1])
    assert primary(SINGLE) in metrics(SINGLE, logits, labels)
    assert primary(MULTI) in metrics(MULTI, logits, np.eye(2))
    assert primary(REGRESSION) in metrics(REGRESSION, logits[:, :1], np.array([0.0, 1.0]))


def test_accuracy_and_macro_f1_by_hand() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    labels = np.array([0, 0, 1, 1])
    # Class 0: 1 of 1 found right, 1 of 2 found: 2/3. Class 1: 2 right of 3, 2 of 2: 4/5.
    assert metrics(SINGLE, logits, labels) == pytest.approx({"accuracy": 0.75, "macro_f1": (2 / 3 + 4 / 5) / 2})


def test_macro_f1_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    assert metrics(SINGLE, logits, labels)["macro_f1"] == pytest.approx(
        f1_score(labels, logits.argmax(1), average="macro")
    )


def test_multi_label_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 3)).astype(np.float32)
    found = metrics(MULTI, logits, labels)
    assert found["micro_f1"] == pytest.approx(f1_score(labels, logits > 0, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, logits > 0, average="macro"))
    assert found["exact_match"] == pytest.approx(((logits > 0) == (labels > 0.5)).all(1).mean())


def test_regression_by_hand() -> None:
    found = metrics(REGRESSION, np.array([[1.0], [2.0], [4.0]]), np.array([2.0, 4.0, 8.0], dtype=np.float32))
    assert found == pytest.approx({"pearson": 1.0, "spearman": 1.0, "mse": (1 + 4 + 16) / 3, "mae": 7 / 3})


def test_a_constant_prediction_has_no_correlation_and_is_still_json() -> None:
    found = metrics(REGRESSION, np.ones((3, 1)), np.array([0.0, 1.0, 2.0]))
    assert found["pearson"] == 0.0
    assert found["spearman"] == 0.0


def test_no_positive_at_all_gives_f1_of_zero() -> None:
    assert metrics(MULTI, -np.ones((2, 2)), np.zeros((2, 2)))["micro_f1"] == 0.0


def test_rows_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rows of logits for 3 labels"):
        metrics(SINGLE, np.zeros((2, 2)), np.zeros(3, dtype=np.int64))


def test_correct_averages_to_the_metric() -> None:
    logits, labels = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0]]), np.array([0, 0, 0])
    assert row_scores(SINGLE, logits, labels).tolist() == [1.0, 0.0, 1.0]
    assert row_scores(MULTI, np.array([[1.0, -1.0]]), np.array([[1.0, 1.0]])).tolist() == [0.5]
    assert row_scores(REGRESSION, np.array([[1.0], [3.0]]), np.array([1.0, 1.0])).tolist() == [0.0, -4.0]


def test_predicted() -> None:
    assert predicted(SINGLE, np.array([[0.0, 3.0, 1.0]])).tolist() == [1]
    assert predicted(MULTI, np.array([[0.1, -0.1]])).tolist() == [[True, False]]
    assert predicted(REGRESSION, np.array([[0.5]])).tolist() == [0.5]

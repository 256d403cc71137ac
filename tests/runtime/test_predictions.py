import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ackd_deploy.runtime.predictions import activate, decide

LN3 = math.log(3)


def test_softmax_by_hand():
    # e^0 : e^ln3 = 1 : 3
    scores = activate(np.array([[0, LN3]], dtype=np.float32), "single_label_classification")
    assert scores.tolist()[0] == pytest.approx([0.25, 0.75], abs=1e-7)


def test_temperature_divides_logits():
    scores = activate(np.array([[0, 2 * LN3]], dtype=np.float32), "single_label_classification", temperature=2.0)
    assert scores.tolist()[0] == pytest.approx([0.25, 0.75], abs=1e-7)
    scores = activate(np.array([[4 * LN3, 0]], dtype=np.float32), "multi_label_classification", temperature=4.0)
    assert scores.tolist()[0] == pytest.approx([0.75, 0.5], abs=1e-7)


def test_regression_is_the_raw_figure_whatever_the_temperature():
    assert activate(np.array([[-3.5]], dtype=np.float32), "regression", temperature=7.0).tolist() == [[-3.5]]


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification"])
def test_huge_logits_do_not_overflow(problem_type):
    scores = activate(np.array([[1e30, -1e30]], dtype=np.float32), problem_type)
    assert scores.tolist() == [[1.0, 0.0]]


@given(arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32)), st.floats(0.01, 100))
def test_probabilities_sum_to_one_and_keep_the_order(logits, temperature):
    scores = activate(logits, "single_label_classification", temperature)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert scores.dtype == np.float32
    for row, scored in zip(logits, scores, strict=True):
        assert scored[row.argmax()] == scored.max()


def test_labels_of_a_multi_label_row_are_those_from_one_half():
    scores = np.array([[0.5, 0.49, 0.9], [0.1, 0.2, 0.3]], dtype=np.float32)
    first, second = decide(scores, ["a", "b", "c"], "multi_label_classification", [5, 9], [5, 8])
    assert first.labels == ("a", "c")
    assert first.label == "c"
    assert second.labels == ()
    assert second.label == "c"
    assert (first.truncated, second.truncated) == (False, True)
    assert (second.num_tokens, second.used_tokens) == (9, 8)


def test_first_of_equal_scores_wins():
    (prediction,) = decide(
        np.array([[0.5, 0.5]], dtype=np.float32), ["a", "b"], "single_label_classification", [3], [3]
    )
    assert prediction.label == "a"
    assert prediction.labels == ("a",)
    assert prediction.scores == {"a": 0.5, "b": 0.5}

import numpy as np
import pytest

from ackd_deploy.runtime.predictions import decide
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from ackd_deploy.tasks.thresholds import Thresholds


def test_labels_of_a_multi_label_row_are_those_from_one_half():
    scores = np.array([[0.5, 0.49, 0.9], [0.1, 0.2, 0.3]], dtype=np.float32)
    first, second = decide(scores, ["a", "b", "c"], MULTI_LABEL, [5, 9], [5, 8])
    assert first.labels == ("a", "c")
    assert first.label == "c"
    assert second.labels == ()
    assert second.label == "c"
    assert (first.truncated, second.truncated) == (False, True)
    assert (second.num_tokens, second.used_tokens) == (9, 8)


def test_thresholds_decide():
    scores = np.array([[0.7, 0.3], [0.75, 0.25]], dtype=np.float32)
    first, second = decide(
        scores, ["ham", "spam"], SINGLE_LABEL.with_thresholds(Thresholds((0.28,), 1)), [5, 9], [5, 8]
    )
    # The score is that of the label, not the larger one.
    assert (first.label, first.labels, first.score) == ("spam", ("spam",), pytest.approx(0.3))
    assert (second.label, second.labels, second.score) == ("ham", ("ham",), 0.75)
    (both,) = decide(scores[:1], ["a", "b"], MULTI_LABEL.with_thresholds(Thresholds((0.8, 0.2))), [3], [3])
    assert (both.label, both.labels) == ("a", ("b",))


def test_first_of_equal_scores_wins():
    (prediction,) = decide(np.array([[0.5, 0.5]], dtype=np.float32), ["a", "b"], SINGLE_LABEL, [3], [3])
    assert prediction.label == "a"
    assert prediction.labels == ("a",)
    assert prediction.scores == {"a": 0.5, "b": 0.5}


def test_a_value_has_its_one_label_whatever_its_size():
    (prediction,) = decide(np.array([[-7.5]], dtype=np.float32), ["score"], REGRESSION, [3], [3])
    assert (prediction.label, prediction.labels, prediction.score) == ("score", ("score",), -7.5)

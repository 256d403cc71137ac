import numpy as np

from ackd_deploy.runtime.predictions import decide
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL


def test_labels_of_a_multi_label_row_are_those_from_one_half():
    scores = np.array([[0.5, 0.49, 0.9], [0.1, 0.2, 0.3]], dtype=np.float32)
    first, second = decide(scores, ["a", "b", "c"], MULTI_LABEL, [5, 9], [5, 8])
    assert first.labels == ("a", "c")
    assert first.label == "c"
    assert second.labels == ()
    assert second.label == "c"
    assert (first.truncated, second.truncated) == (False, True)
    assert (second.num_tokens, second.used_tokens) == (9, 8)


def test_first_of_equal_scores_wins():
    (prediction,) = decide(np.array([[0.5, 0.5]], dtype=np.float32), ["a", "b"], SINGLE_LABEL, [3], [3])
    assert prediction.label == "a"
    assert prediction.labels == ("a",)
    assert prediction.scores == {"a": 0.5, "b": 0.5}


def test_a_value_has_its_one_label_whatever_its_size():
    (prediction,) = decide(np.array([[-7.5]], dtype=np.float32), ["score"], REGRESSION, [3], [3])
    assert (prediction.label, prediction.labels, prediction.score) == ("score", ("score",), -7.5)

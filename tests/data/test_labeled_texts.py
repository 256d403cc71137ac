"""Rows: their fingerprint tells any change apart; take keeps texts, pairs and labels together."""

import numpy as np
import pytest

from ackd_deploy.data import LabeledTexts


def make(texts=("ab", "c"), pairs=None, labels=(0, 1), names=("no", "yes"), problem="single_label_classification"):
    return LabeledTexts(list(texts), pairs, np.array(labels, dtype=np.int64), names, problem)


def test_equal_rows_have_equal_fingerprints():
    assert make().fingerprint == make().fingerprint
    assert len(make().fingerprint) == 64


@pytest.mark.parametrize(
    "other",
    [
        make(texts=("a", "bc")),
        make(texts=("c", "ab")),
        make(labels=(1, 0)),
        make(names=("yes", "no")),
        make(pairs=["", ""]),
        make(problem="regression"),
        LabeledTexts(
            ["ab", "c"], None, np.array([0, 1], dtype=np.float32), ("no", "yes"), "single_label_classification"
        ),
    ],
    ids=["other-cut", "order", "labels", "names", "pairs", "problem", "dtype"],
)
def test_any_change_changes_the_fingerprint(other):
    assert other.fingerprint != make().fingerprint


def test_take_keeps_a_row_together():
    rows = make(texts=("a", "b", "c"), pairs=["x", "y", "z"], labels=(5, 6, 7)).take([2, 0, 2])
    assert rows.texts == ["c", "a", "c"]
    assert rows.pairs == ["z", "x", "z"]
    assert rows.labels.tolist() == [7, 5, 7]
    assert len(rows) == 3


def test_multi_label_take():
    rows = LabeledTexts(
        ["a", "b"], None, np.array([[1, 0], [0, 1]], dtype=np.float32), ("x", "y"), "multi_label_classification"
    )
    assert rows.take(np.array([1])).labels.tolist() == [[0.0, 1.0]]

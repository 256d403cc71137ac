"""Figures of each class and confusions are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix, precision_recall_fscore_support

from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from ackd_deploy.tasks.per_class import class_counts, confusions


def test_single_label() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 5)), rng.integers(0, 4, 200)
    logits[:, 2] = -9  # class 2 is never predicted, class 4 never given
    found, decisions = class_counts(SINGLE_LABEL, logits, labels), logits.argmax(1)
    expected = precision_recall_fscore_support(labels, decisions, labels=range(5), zero_division=0)
    assert [(c.precision, c.recall, c.f1, c.labeled) for c in found] == [
        pytest.approx(row) for row in zip(*expected, strict=True)
    ]
    matrix = confusion_matrix(labels, decisions, labels=range(5))
    rebuilt = np.diag([c.hits for c in found])
    listed = confusions(SINGLE_LABEL, logits, labels)
    for label, answer, rows in listed:
        rebuilt[label, answer] = rows
    assert (rebuilt == matrix).all()
    assert [rows for *_, rows in listed] == sorted((rows for *_, rows in listed), reverse=True)


def test_multi_label() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(100, 3)), rng.integers(0, 2, (100, 3)).astype(np.float32)
    found = class_counts(MULTI_LABEL, logits, labels)
    matrices = multilabel_confusion_matrix(labels, logits >= 0)
    for counts, matrix in zip(found, matrices, strict=True):
        missed, wrong = counts.labeled - counts.hits, counts.predicted - counts.hits
        assert [[counts.rows - counts.hits - missed - wrong, wrong], [missed, counts.hits]] == matrix.tolist()
    assert confusions(MULTI_LABEL, logits, labels) == []


def test_numbers_have_no_classes() -> None:
    assert class_counts(REGRESSION, np.zeros((3, 1)), np.zeros(3)) == []
    assert confusions(REGRESSION, np.zeros((3, 1)), np.zeros(3)) == []

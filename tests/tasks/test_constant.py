"""The best constant answer, by hand: what it is depends on the deciding metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, Task
from ackd_deploy.tasks.constant import best_constant, constant_name, repeated

ANIMALS = ("ant", "bee", "cat")


def answer(task: Task, labels: Any, names: Sequence[str]) -> str:
    return constant_name(task, best_constant(task, np.asarray(labels), len(names)), names)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("accuracy", "always 'bee'"),
        ("macro_f1", "always 'bee'"),
        # Always 0: the most frequent class, then.
        ("mcc", "always 'bee'"),
        # F1 of a class is 2p / (1 + p) where every row gets it, and 0 where none does.
        ("f1:cat", "always 'cat'"),
    ],
)
def test_single_label(metric: str, expected: str) -> None:
    assert answer(SINGLE_LABEL.deciding_by(metric, ANIMALS), [0, 1, 1, 1, 2, 0], ANIMALS) == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # Labels have 4, 2 and 1 of 6 rows. Of the sets of the most frequent ones, micro F1 is
        # 2*4/(6+7) = 0.615 for ant, 2*6/(12+7) = 0.632 with bee, 2*7/(18+7) = 0.56 with cat too.
        ("micro_f1", "always 'ant', 'bee'"),
        # ant alone stands on 2 rows, and so does nothing; ant with bee on 1, ant with cat on 1 …
        ("exact_match", "always 'ant'"),
        ("f1:cat", "always 'ant', 'bee', 'cat'"),
    ],
)
def test_multi_label(metric: str, expected: str) -> None:
    labels = [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert answer(MULTI_LABEL.deciding_by(metric, ANIMALS), labels, ANIMALS) == expected


def test_no_label_at_all_may_be_the_best_answer() -> None:
    labels = [[0, 0, 0]] * 5 + [[1, 0, 0]]
    assert answer(MULTI_LABEL.deciding_by("exact_match"), labels, ANIMALS) == "always no label"


@pytest.mark.parametrize(("metric", "expected"), [("mse", 3.0), ("rmse", 3.0), ("mae", 1.0), ("pearson", 3.0)])
def test_regression_has_the_mean_or_the_median(metric: str, expected: float) -> None:
    assert answer(REGRESSION.deciding_by(metric), [0.0, 1.0, 1.0, 1.0, 12.0], ("score",)) == f"always {expected:g}"


def test_every_row_gets_it() -> None:
    labels = np.array([0, 1, 1])
    logits = repeated(best_constant(SINGLE_LABEL, labels, 2), 4)
    assert SINGLE_LABEL.decide(logits).tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="no labels"):
        best_constant(SINGLE_LABEL, labels[:0], 0)


def test_the_margin_is_wider_than_any_threshold() -> None:
    row = best_constant(MULTI_LABEL, np.array([[1, 0], [1, 0]]), 2)
    assert MULTI_LABEL.activate(row[None])[0] == pytest.approx([1.0, 0.0], abs=1e-9)

"""Decision thresholds: what reaches them, by hand; the search for them, against trying every combination."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from ackd_deploy.tasks.thresholds import Thresholds, positive_class
from ackd_deploy.tasks.tuning import MIN_POSITIVES, tune_thresholds

LN3 = math.log(3)
NAMES = ("ham", "spam")


def of_two(value: float, positive: int = 1, temperature: float = 1.0) -> Any:
    return SINGLE_LABEL.with_thresholds(Thresholds((value,), positive, temperature))


def test_the_positive_class_applies_from_its_threshold_on() -> None:
    # Scores of the second class: 1/4, 1/2, 3/4.
    logits = np.array([[LN3, 0.0], [0.0, 0.0], [0.0, LN3]], dtype=np.float32)
    assert of_two(0.2).decide(logits).tolist() == [1, 1, 1]
    assert of_two(0.5).decide(logits).tolist() == [0, 1, 1]
    assert of_two(0.6).decide(logits).tolist() == [0, 0, 1]
    # Of the first class: 3/4, 1/2, 1/4.
    assert of_two(0.6, positive=0).decide(logits).tolist() == [0, 1, 1]


def test_thresholds_are_on_scores_after_the_temperature() -> None:
    # ln 9 over 2 is ln 3: a score of 3/4, and 9/10 without the temperature.
    logits = np.array([[0.0, 2 * LN3]], dtype=np.float32)
    assert of_two(0.8).decide(logits).tolist() == [1]
    assert of_two(0.8, temperature=2.0).decide(logits).tolist() == [0]
    several = MULTI_LABEL.with_thresholds(Thresholds((0.8, 0.5), None, 2.0))
    assert several.decide(np.array([[2 * LN3, 0.0]], dtype=np.float32)).tolist() == [[False, True]]


@given(st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=20), st.floats(0, 1))
def test_what_is_measured_is_what_is_served(rows: list[tuple[float, float]], value: float) -> None:
    logits = np.array(rows, dtype=np.float32)
    one, several = of_two(value, temperature=1.7), MULTI_LABEL.with_thresholds(Thresholds((value, 0.3), None, 1.7))
    assert one.chosen(one.activate(logits, 1.7)) == [[index] for index in one.decide(logits).tolist()]
    chosen = several.chosen(several.activate(logits, 1.7))
    assert chosen == [np.flatnonzero(row).tolist() for row in several.decide(logits)]


def test_a_score_that_json_wrote_decides_as_here() -> None:
    logits = np.array([[0.0, 0.1234]], dtype=np.float32)
    score = float(SINGLE_LABEL.activate(logits)[0, 1])
    assert of_two(score).decide(logits).tolist() == [1]
    assert of_two(math.nextafter(score, 1)).decide(logits).tolist() == [0]


def test_by_label_and_back() -> None:
    for thresholds in (Thresholds((0.25,), 0, 2.0), Thresholds((0.25, 0.75), None, 2.0)):
        assert Thresholds.of(thresholds.by_label(NAMES), NAMES, 2.0) == thresholds
    assert Thresholds((0.25,), 0).by_label(NAMES) == {"ham": 0.25}
    assert (positive_class("accuracy", NAMES), positive_class("f1:ham", NAMES)) == (1, 0)


def logits_of(scores: Any) -> np.ndarray:
    wide = np.array(scores, dtype=np.float64)
    return np.log(wide / (1 - wide)).astype(np.float32)


def test_of_equally_good_thresholds_the_nearest_to_a_half() -> None:
    # Anything in 0.2 to 0.4 divides the rows: the middle is 0.3.
    logits = np.stack([np.zeros(4), logits_of([0.1, 0.2, 0.4, 0.9])], axis=1)
    found = tune_thresholds(SINGLE_LABEL, logits, np.array([0, 0, 1, 1]), label_names=NAMES)
    assert found.values == pytest.approx((0.3,), abs=1e-6)
    # Here 1/2 is as good as any.
    logits = np.stack([np.zeros(2), logits_of([0.1, 0.6])], axis=1)
    assert tune_thresholds(SINGLE_LABEL, logits, np.array([0, 1]), label_names=NAMES).values == (0.5,)


SCORE = st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.4, 0.45, 0.6, 0.7, 0.9])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(SCORE, st.booleans()), min_size=2, max_size=12),
    st.sampled_from(["accuracy", "macro_f1", "balanced_accuracy", "mcc", "f1:ham", "f1:spam"]),
)
def test_two_classes_against_every_threshold(rows: list[tuple[float, bool]], metric: str) -> None:
    scores, labels = np.array([score for score, _ in rows]), np.array([int(label) for _, label in rows])
    task = SINGLE_LABEL.deciding_by(metric, NAMES)
    logits = np.stack([np.zeros(len(rows)), logits_of(scores)], axis=1)
    found = tune_thresholds(task, logits, labels, label_names=NAMES)
    best = max(
        task.metric.value((scores >= value).astype(int), labels, 2)
        for value in (0.01, 0.07, 0.15, 0.25, 0.35, 0.42, 0.5, 0.65, 0.8, 0.99)
    )
    assert task.with_thresholds(found).score(logits, labels) == pytest.approx(best, abs=1e-9)
    assert found.positive == (0 if metric == "f1:ham" else 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["micro_f1", "macro_f1", "weighted_f1", "f1:ham"]))
def test_several_labels_against_every_combination(seed: int, metric: str) -> None:
    draw = np.random.default_rng(seed)
    truth = draw.random((16, 2)) < [0.5, 0.6]
    truth[:MIN_POSITIVES] = True
    scores = np.clip(draw.choice([0.1, 0.3, 0.45, 0.6, 0.8], (16, 2)) + 0.1 * truth, 0.01, 0.99)
    task = MULTI_LABEL.deciding_by(metric, NAMES)
    logits, labels = logits_of(scores), truth.astype(np.float32)
    found = task.with_thresholds(tune_thresholds(task, logits, labels, label_names=NAMES))
    steps = np.unique(scores)
    every = [0.001, *(steps[1:] + steps[:-1]) / 2, 0.999]
    best = max(task.metric.value(scores >= np.array(pair), truth, 2) for pair in itertools.product(every, repeat=2))
    assert found.score(logits, labels) == pytest.approx(best, abs=1e-9)
    if metric == "f1:ham":
        assert found.thresholds is not None
        assert found.thresholds.values[1] == 0.5


@pytest.mark.parametrize("metric", ["exact_match", "samples_f1"])
def test_a_metric_that_is_climbed_does_not_fall(metric: str) -> None:
    draw = np.random.default_rng(4)
    truth = draw.random((60, 3)) < 0.3
    logits = (draw.normal(size=(60, 3)) + 1.5 * truth - 2).astype(np.float32)
    task, labels = MULTI_LABEL.deciding_by(metric), truth.astype(np.float32)
    found = tune_thresholds(task, logits, labels, label_names=tuple("abc"))
    assert task.with_thresholds(found).score(logits, labels) > task.score(logits, labels) + 0.02


def test_tuned_micro_f1_by_scikit_learn() -> None:
    draw = np.random.default_rng(5)
    truth = draw.random((200, 4)) < [0.3, 0.2, 0.1, 0.01]
    logits = (draw.normal(size=(200, 4)) + 2 * truth - 2).astype(np.float32)
    labels = truth.astype(np.float32)
    found = MULTI_LABEL.with_thresholds(tune_thresholds(MULTI_LABEL, logits, labels, label_names=tuple("abcd")))
    assert found.thresholds is not None
    # Too few rows have the last one.
    assert truth[:, 3].sum() < MIN_POSITIVES
    assert found.thresholds.values[3] == 0.5
    before = f1_score(truth, logits >= 0, average="micro")
    scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
    after = f1_score(truth, scores >= np.array(found.thresholds.values), average="micro")
    assert found.score(logits, labels) == pytest.approx(after)
    assert after > before + 0.05


def test_what_has_no_thresholds() -> None:
    with pytest.raises(ValueError, match="two classes"):
        tune_thresholds(SINGLE_LABEL, np.zeros((4, 3)), np.zeros(4, dtype=int), label_names=tuple("abc"))
    with pytest.raises(ValueError, match="two classes"):
        tune_thresholds(REGRESSION, np.zeros((4, 1)), np.zeros(4), label_names=("score",))

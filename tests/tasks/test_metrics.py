"""Every deciding metric is scikit-learn's or scipy's, and its interval covers what a plain bootstrap covers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk

from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, TASKS, Task
from ackd_deploy.tasks.intervals import metric_interval
from ackd_deploy.tasks.paired import paired_difference

NAMES = ("ant", "bee", "cat", "dog")
Reference = Callable[[Any, Any], float]

SINGLE: dict[str, Reference] = {
    "accuracy": sk.accuracy_score,
    "macro_f1": lambda y, p: sk.f1_score(y, p, average="macro"),
    "weighted_f1": lambda y, p: sk.f1_score(y, p, average="weighted"),
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
    "f1:bee": lambda y, p: sk.f1_score(y, p, labels=[1], average="macro"),
}
MULTI: dict[str, Reference] = {
    "micro_f1": lambda y, p: sk.f1_score(y, p, average="micro"),
    "macro_f1": lambda y, p: sk.f1_score(y, p, average="macro", zero_division=np.nan),
    "weighted_f1": lambda y, p: sk.f1_score(y, p, average="weighted"),
    "samples_f1": lambda y, p: sk.f1_score(y, p, average="samples"),
    "exact_match": sk.accuracy_score,
    "f1:cat": lambda y, p: sk.f1_score(y[:, 2], p[:, 2]),
}
VALUES: dict[str, Reference] = {
    "pearson": lambda y, p: pearsonr(y, p).statistic,
    "spearman": lambda y, p: spearmanr(y, p).statistic,
    "mse": sk.mean_squared_error,
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
}


def by(task: Task, name: str) -> Task:
    return task.deciding_by(name, NAMES if task.has_classes else None)


def reference(function: Reference, labels: Any, decisions: Any) -> float:
    with warnings.catch_warnings():
        # scikit-learn warns of classes that nobody predicted, and takes 0 for them as we do.
        warnings.simplefilter("ignore")
        return float(function(labels, decisions))


def test_the_references_are_all_that_a_recipe_may_name() -> None:
    for task, known in ((SINGLE_LABEL, SINGLE), (MULTI_LABEL, MULTI), (REGRESSION, VALUES)):
        assert set(task.deciding) == {name for name in known if ":" not in name}


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("shape", ["all classes", "one is never given", "one is never predicted", "constant"])
def test_single_label(name: str, shape: str) -> None:
    rng = np.random.default_rng(4)
    logits, labels = rng.normal(size=(70, 4)), rng.integers(0, 4, 70)
    logits[np.arange(70), labels] += 0.8
    if shape == "one is never given":
        labels = np.minimum(labels, 2)
    elif shape == "one is never predicted":
        logits[:, 1] = -9
    elif shape == "constant":
        logits[:, 3] = 9
    assert by(SINGLE_LABEL, name).score(logits, labels) == pytest.approx(
        reference(SINGLE[name], labels, logits.argmax(1)), abs=1e-12
    )


@pytest.mark.parametrize("name", MULTI)
@pytest.mark.parametrize("shape", ["all", "one is never given nor predicted", "nothing is predicted"])
def test_multi_label(name: str, shape: str) -> None:
    rng = np.random.default_rng(5)
    logits, labels = rng.normal(size=(60, 4)), (rng.random((60, 4)) < 0.3).astype(np.float32)
    if shape.startswith("one"):
        labels[:, 1], logits[:, 1] = 0, -1
    elif shape == "nothing is predicted":
        logits = -np.abs(logits)
    assert by(MULTI_LABEL, name).score(logits, labels) == pytest.approx(
        reference(MULTI[name], labels, (logits >= 0).astype(int)), abs=1e-12
    )


@pytest.mark.parametrize("name", VALUES)
@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 5)), min_size=3, max_size=40).filter(
        lambda rows: len({a for a, _ in rows}) > 1 and len({b for _, b in rows}) > 1
    )
)
def test_regression_also_with_many_ties(name: str, rows: list[tuple[int, int]]) -> None:
    values, labels = np.array(rows, dtype=float).T
    found = by(REGRESSION, name).score(values[:, None], labels)
    assert found == pytest.approx(reference(VALUES[name], labels, values), abs=1e-9)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
def test_spearman_where_it_is_undefined_or_at_its_ends(values: list[float]) -> None:
    labels = np.array([1.0, 2.0, 3.0])
    task = by(REGRESSION, "spearman")
    expected = 0.0 if len(set(values)) == 1 else np.sign(values[2] - values[0])
    assert task.score(np.array(values)[:, None], labels) == pytest.approx(expected)
    assert all(np.isfinite(metric_interval(task, np.array(values)[:, None], labels)))


def plain_bootstrap(function: Reference, labels: Any, decisions: Any, draws: int = 1500) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    picks = rng.integers(0, len(labels), (draws, len(labels)))
    drawn = [reference(function, labels[pick], decisions[pick]) for pick in picks]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


@pytest.mark.parametrize("name", ["macro_f1", "mcc", "f1:bee"])
def test_intervals_of_class_metrics_are_the_plain_bootstrap_s(name: str) -> None:
    rng = np.random.default_rng(6)
    logits, labels = rng.normal(size=(150, 4)), rng.integers(0, 4, 150)
    logits[np.arange(150), labels] += 1.0
    expected = plain_bootstrap(SINGLE[name], labels, logits.argmax(1), draws=400)
    assert metric_interval(by(SINGLE_LABEL, name), logits, labels) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("strength", [0.3, 3.0])
@pytest.mark.parametrize("ties", [False, True])
def test_interval_of_spearman_is_that_of_ranks_drawn_anew(strength: float, ties: bool) -> None:
    """Ranks that are kept while rows are drawn would give an interval that is up to a third too wide or too narrow."""
    rng = np.random.default_rng(7)
    labels = rng.normal(size=300)
    values = strength * labels + rng.standard_t(3, size=300)
    if ties:
        labels, values = np.round(labels), np.round(values)
    found = metric_interval(by(REGRESSION, "spearman"), values[:, None], labels)
    assert found == pytest.approx(plain_bootstrap(VALUES["spearman"], labels, values), abs=0.012)


@pytest.mark.parametrize("name", ["mse", "rmse", "mae"])
def test_of_an_error_less_is_better_and_a_point_is_a_hundredth_of_the_best_constant_answer_s(name: str) -> None:
    rng = np.random.default_rng(8)
    labels = rng.normal(size=400) * 30
    good, bad = labels + rng.normal(size=400), labels + 5 * rng.normal(size=400)
    task = by(REGRESSION, name)
    there = paired_difference(task, good[:, None], bad[:, None], labels)
    assert (there.verdict, there.difference > 0) == ("worse", True)
    assert paired_difference(task, bad[:, None], good[:, None], labels).verdict == "better"
    lost, (low, high) = there.loss_in_points
    assert low < lost < high
    constant = np.full(400, np.median(labels) if name == "mae" else labels.mean())
    of_constant = reference(VALUES[name], labels, constant)
    assert lost == pytest.approx(100 * there.difference / of_constant)


def test_of_a_correlation_a_point_is_a_hundredth() -> None:
    rng = np.random.default_rng(9)
    labels = rng.normal(size=100)
    good, bad = labels + rng.normal(size=100) / 4, labels + rng.normal(size=100)
    found = paired_difference(by(REGRESSION, "spearman"), good[:, None], bad[:, None], labels)
    assert found.loss_in_points[0] == pytest.approx(-100 * found.difference)
    assert found.verdict == "worse"


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_wrong_name_is_refused_with_those_that_there_are(task: Task) -> None:
    with pytest.raises(ValueError, match=f"no metric of this task: use {task.metric.name}, "):
        task.deciding_by("auc")
    with pytest.raises(ValueError, match="no metric of this task"):
        task.deciding_by("f1:")


def test_f1_of_a_class_needs_the_class() -> None:
    with pytest.raises(ValueError, match="there is no class 'eel': the data has ant, bee, cat, dog"):
        SINGLE_LABEL.deciding_by("f1:eel", NAMES)
    with pytest.raises(ValueError, match="no metric of this task: use pearson, spearman, mse, rmse, mae"):
        REGRESSION.deciding_by("f1:score", ("score",))
    unbound = SINGLE_LABEL.deciding_by("f1:bee")
    assert unbound.metric.name == "f1:bee"
    with pytest.raises(ValueError, match="before its label names were known"):
        unbound.score(np.eye(4), np.arange(4))


def test_the_deciding_metric_is_among_the_metrics_and_leaves_the_others() -> None:
    logits, labels = np.eye(4), np.array([0, 1, 2, 2])
    assert list(by(SINGLE_LABEL, "mcc").metrics(logits, labels)) == ["accuracy", "macro_f1", "mcc"]
    # Tasks that differ in their metric alone are one kind of task.
    assert by(SINGLE_LABEL, "mcc") == SINGLE_LABEL != MULTI_LABEL


def test_many_rows_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    logits, labels, values = rng.normal(size=(1000, 4)), rng.integers(0, 4, 1000), rng.normal(size=1000)
    whole = [by(SINGLE_LABEL, name).score(logits, labels) for name in SINGLE]
    of_values = [by(REGRESSION, name).score(logits[:, :1], values) for name in VALUES]
    monkeypatch.setattr("ackd_deploy.tasks.metrics._CHUNK", 64)
    assert [by(SINGLE_LABEL, name).score(logits, labels) for name in SINGLE] == pytest.approx(whole, abs=1e-12)
    assert [by(REGRESSION, name).score(logits[:, :1], values) for name in VALUES] == pytest.approx(of_values)

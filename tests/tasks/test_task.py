"""Every task answers every question; metrics against hand-worked values, scikit-learn and scipy."""

from __future__ import annotations

import ast
import math
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, mean_squared_error

import ackd_deploy.tasks
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, TASKS, ProblemType, Task, task_of

LN3 = math.log(3)


def sample(task: Task, rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if task is SINGLE_LABEL:
        return rng.normal(size=(rows, 4)), rng.integers(0, 4, rows)
    if task is MULTI_LABEL:
        return rng.normal(size=(rows, 3)), rng.integers(0, 2, (rows, 3)).astype(np.float32)
    return rng.normal(size=(rows, 1)), rng.normal(size=rows).astype(np.float32)


def test_every_problem_type_has_its_task() -> None:
    assert tuple(TASKS) == get_args(ProblemType)
    assert [task_of(name).problem_type for name in TASKS] == list(TASKS)


@pytest.mark.parametrize("name", ["", "multi_label", "ranking", "Regression"])
def test_an_unknown_problem_type_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=f"unknown problem type '{name}': use single_label_classification, multi_"):
        task_of(name)


def test_what_kind_of_labels() -> None:
    assert [t.has_classes for t in (SINGLE_LABEL, MULTI_LABEL, REGRESSION)] == [True, True, False]
    assert [t.exclusive for t in (SINGLE_LABEL, MULTI_LABEL, REGRESSION)] == [True, False, False]
    assert [t.several_labels for t in (SINGLE_LABEL, MULTI_LABEL, REGRESSION)] == [False, True, False]


def test_decisions() -> None:
    assert SINGLE_LABEL.decide(np.array([[0.0, 3.0, 1.0], [2.0, 2.0, 0.0]])).tolist() == [1, 0]
    assert MULTI_LABEL.decide(np.array([[0.1, -0.1]])).tolist() == [[True, False]]
    assert REGRESSION.decide(np.array([[0.5]])).tolist() == [0.5]


@given(arrays(np.float32, (4, 3), elements=st.sampled_from([-2.0, -0.5, 0.0, 0.5, 2.0])))
def test_what_is_measured_is_what_is_served(logits: np.ndarray) -> None:
    """The decision from logits and the labels chosen from scores are one and the same, a score of just 1/2 too."""
    single = SINGLE_LABEL.chosen(SINGLE_LABEL.activate(logits))
    assert single == [[index] for index in SINGLE_LABEL.decide(logits).tolist()]
    several = MULTI_LABEL.chosen(MULTI_LABEL.activate(logits))
    assert several == [np.flatnonzero(row).tolist() for row in MULTI_LABEL.decide(logits)]


def test_softmax_by_hand() -> None:
    # e^0 : e^ln3 = 1 : 3
    scores = SINGLE_LABEL.activate(np.array([[0, LN3]], dtype=np.float32))
    assert scores.tolist()[0] == pytest.approx([0.25, 0.75], abs=1e-7)


def test_temperature_divides_logits() -> None:
    scores = SINGLE_LABEL.activate(np.array([[0, 2 * LN3]], dtype=np.float32), temperature=2.0)
    assert scores.tolist()[0] == pytest.approx([0.25, 0.75], abs=1e-7)
    scores = MULTI_LABEL.activate(np.array([[4 * LN3, 0]], dtype=np.float32), temperature=4.0)
    assert scores.tolist()[0] == pytest.approx([0.75, 0.5], abs=1e-7)


def test_regression_is_the_raw_figure_whatever_the_temperature() -> None:
    assert REGRESSION.activate(np.array([[-3.5]], dtype=np.float32), temperature=7.0).tolist() == [[-3.5]]


@pytest.mark.parametrize("task", [SINGLE_LABEL, MULTI_LABEL])
def test_huge_logits_do_not_overflow(task: Task) -> None:
    assert task.activate(np.array([[1e30, -1e30]], dtype=np.float32)).tolist() == [[1.0, 0.0]]


@given(arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32)), st.floats(0.01, 100))
def test_probabilities_sum_to_one_and_keep_the_order(logits: np.ndarray, temperature: float) -> None:
    scores = SINGLE_LABEL.activate(logits, temperature)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert scores.dtype == np.float32
    for row, scored in zip(logits, scores, strict=True):
        assert scored[row.argmax()] == scored.max()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_deciding_metric_is_among_the_metrics(task: Task) -> None:
    logits, labels = sample(task)
    found = task.metrics(logits, labels)
    assert found[task.metric.name] == task.score(logits, labels)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_rows_of_different_number_are_refused(task: Task) -> None:
    logits, labels = sample(task)
    for method in (task.metrics, task.score, task.statistics):
        with pytest.raises(ValueError, match="60 rows of logits for 59 labels"):
            method(logits, labels[1:])
        with pytest.raises(ValueError, match="0 rows of logits for 0 labels"):
            method(logits[:0], labels[:0])


def test_accuracy_and_macro_f1_by_hand() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    labels = np.array([0, 0, 1, 1])
    # Class 0: 1 of 1 found right, 1 of 2 found: 2/3. Class 1: 2 right of 3, 2 of 2: 4/5.
    assert SINGLE_LABEL.metrics(logits, labels) == pytest.approx({"accuracy": 0.75, "macro_f1": (2 / 3 + 4 / 5) / 2})


@pytest.mark.parametrize("seed", range(3))
def test_single_label_is_that_of_scikit_learn(seed: int) -> None:
    logits, labels = sample(SINGLE_LABEL, seed=seed)
    labels = np.minimum(labels, 2)  # class 3 is predicted and never given
    found = SINGLE_LABEL.metrics(logits, labels)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, logits.argmax(1), average="macro"))


@pytest.mark.parametrize("seed", range(3))
def test_multi_label_is_that_of_scikit_learn(seed: int) -> None:
    logits, labels = sample(MULTI_LABEL, seed=seed)
    found = MULTI_LABEL.metrics(logits, labels)
    assert found["micro_f1"] == pytest.approx(f1_score(labels, logits > 0, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, logits > 0, average="macro"))
    assert found["exact_match"] == pytest.approx(accuracy_score(labels, logits > 0))


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_regression_is_that_of_scipy(offset: float) -> None:
    logits, labels = sample(REGRESSION)
    logits, labels = np.round(logits, 1) + offset, labels.astype(np.float64) + offset
    found = REGRESSION.metrics(logits, labels)
    assert found["pearson"] == pytest.approx(pearsonr(logits[:, 0], labels).statistic)
    assert found["spearman"] == pytest.approx(spearmanr(logits[:, 0], labels).statistic)
    assert found["mse"] == pytest.approx(mean_squared_error(labels, logits[:, 0]))
    assert found["mae"] == pytest.approx(mean_absolute_error(labels, logits[:, 0]))


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 / 3])
def test_a_constant_prediction_has_no_correlation_and_is_still_json(constant: float) -> None:
    found = REGRESSION.metrics(np.full((3, 1), constant), np.array([0.0, 1.0, 2.0]))
    assert found["pearson"] == 0.0
    assert found["spearman"] == 0.0


def test_no_positive_at_all_gives_f1_of_zero() -> None:
    found = MULTI_LABEL.metrics(-np.ones((2, 2)), np.zeros((2, 2)))
    assert found == {"micro_f1": 0.0, "macro_f1": 0.0, "exact_match": 1.0}


def test_row_errors() -> None:
    logits, labels = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0]]), np.array([0, 0, 0])
    assert SINGLE_LABEL.row_errors(logits, labels).tolist() == [0.0, 1.0, 0.0]
    assert MULTI_LABEL.row_errors(np.array([[1.0, -1.0]]), np.array([[1.0, 1.0]])).tolist() == [0.5]
    assert REGRESSION.row_errors(np.array([[1.0], [3.0]]), np.array([1.0, 1.0])).tolist() == [0.0, 4.0]


def test_agreement_and_flips() -> None:
    first, second = np.array([[2.0, 1.0, 1.5], [1.0, -1.0, 3.0]]), np.array([[2.0, 1.0, 1.9], [4.0, -1.0, 3.0]])
    assert SINGLE_LABEL.agree(first, second).tolist() == [True, False]
    assert SINGLE_LABEL.flips(first, second) == 1
    # Both rows have the same labels above one half.
    assert MULTI_LABEL.agree(first, second).tolist() == [True, True]
    assert MULTI_LABEL.flips(first, -second) == 2
    # The reference's values have a standard deviation of 1: a tenth of it is close.
    reference, values = np.array([[0.0], [2.0]]), np.array([[0.09], [2.11]])
    assert REGRESSION.agree(values, reference).tolist() == [True, False]
    assert REGRESSION.flips(values, reference) == 0


def test_names_for_people() -> None:
    assert SINGLE_LABEL.named(np.int64(1), ["a", "b"]) == "b"
    assert MULTI_LABEL.named(np.array([1.0, 0.0, 1.0]), ["a", "b", "c"]) == ["a", "c"]
    assert REGRESSION.named(np.float32(0.5), ["score"]) == 0.5


def test_no_module_but_tasks_knows_the_problem_types_apart() -> None:
    """A comparison with the name of a problem type lets an unknown one fall through: tasks answer instead."""
    package = Path(ackd_deploy.__file__).parent
    found = [
        f"{file.relative_to(package)}:{node.lineno}"
        for file in package.rglob("*.py")
        if "tasks" not in file.relative_to(package).parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        for part in ast.walk(side)
        if isinstance(part, ast.Constant) and part.value in TASKS
    ]
    assert found == []


def test_importing_all_of_tasks_loads_no_scipy() -> None:
    """The service installs this package, and not scipy."""
    names = [module.name for module in pkgutil.iter_modules(ackd_deploy.tasks.__path__, "ackd_deploy.tasks.")]
    assert "ackd_deploy.tasks.paired" in names
    code = f"import sys, importlib; [importlib.import_module(n) for n in {names!r}]; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

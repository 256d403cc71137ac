"""A model that has learned nothing fails, whatever hides it; one that has passes; few rows leave it open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ackd_deploy.check.gates import GateResult, failures
from ackd_deploy.check.quality import Against, above_chance, quality_gates, refused_model
from ackd_deploy.recipe.sections import Gates
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, Task
from ackd_deploy.tasks.constant import best_constant, constant_name

NAMES = ("ant", "bee", "cat")


def one_hot(answers: Any, classes: int = 3) -> np.ndarray:
    return np.eye(classes)[np.asarray(answers)]


def against(task: Task, labels: np.ndarray, teacher: np.ndarray | None = None) -> Against:
    names = NAMES if task.has_classes else ("score",)
    row = best_constant(task, labels, len(names))
    return Against(row, constant_name(task, row, names), teacher)


def judged(task: Task, logits: np.ndarray, labels: np.ndarray) -> GateResult:
    return above_chance("m", task, logits, labels, against(task, labels))


def single(rows: int, seed: int = 0) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.choice(3, rows, p=[0.2, 0.7, 0.1])


@pytest.mark.parametrize("metric", [*SINGLE_LABEL.deciding, "f1:cat"])
class TestSingleLabel:
    def test_a_constant_model_fails_by_every_metric(self, metric: str) -> None:
        _, labels = single(2000)
        task = SINGLE_LABEL.deciding_by(metric, NAMES)
        found = [judged(task, one_hot(np.full(2000, answer)), labels) for answer in range(3)]
        assert {result.verdict for result in found} == {"fail"}
        assert all("answers the same to every row" in result.detail for result in found)

    def test_answers_that_do_not_depend_on_the_text_fail(self, metric: str) -> None:
        rng, labels = single(2000)
        # As often as in the labels, and each equally often: what macro F1 takes for more than any constant.
        for shares in ([0.2, 0.7, 0.1], [1 / 3] * 3):
            answers = rng.choice(3, 2000, p=shares)
            assert judged(SINGLE_LABEL.deciding_by(metric, NAMES), one_hot(answers), labels).verdict == "fail"

    def test_a_model_that_is_mostly_right_passes(self, metric: str) -> None:
        rng, labels = single(400)
        answers = np.where(rng.random(400) < 0.9, labels, rng.integers(0, 3, 400))
        found = judged(SINGLE_LABEL.deciding_by(metric, NAMES), one_hot(answers), labels)
        assert found.verdict == "pass"
        assert found.figure > 5
        assert found.bound == 0


def test_few_rows_leave_a_small_gain_open() -> None:
    labels = np.array([0] * 8 + [1] * 10)
    answers = labels.copy()
    answers[:6] = 1  # 12 of 18 right; the majority has 10
    found = judged(SINGLE_LABEL, one_hot(answers), labels)
    assert found.verdict == "undecided"
    assert found.interval is not None
    assert found.interval[0] < 0 < found.figure
    assert failures([found], "pass") == []
    assert failures([found], "fail") == [found]


def test_many_rows_that_show_no_gain_are_a_failure() -> None:
    labels = np.array([0] * 960 + [1] * 1040)
    answers = np.ones(2000, dtype=int)
    answers[:51], answers[-47:] = 0, 0  # 4 rows more than the majority: 98 differ, of which 51 were won
    found = judged(SINGLE_LABEL, one_hot(answers), labels)
    assert found.figure == pytest.approx(0.2)
    assert found.verdict == "fail"


@pytest.mark.parametrize("metric", [*MULTI_LABEL.deciding, "f1:bee"])
def test_multi_label(metric: str) -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((800, 3)) < [0.5, 0.3, 0.2]).astype(np.float32)
    task = MULTI_LABEL.deciding_by(metric, NAMES)
    noise = rng.normal(size=(800, 3))
    assert judged(task, 4 * (labels - 0.5) + noise, labels).verdict == "pass"
    assert judged(task, noise, labels).verdict == "fail"
    assert judged(task, np.ones((800, 3)), labels).verdict == "fail"


@pytest.mark.parametrize("metric", REGRESSION.deciding)
def test_regression(metric: str) -> None:
    rng = np.random.default_rng(2)
    labels = rng.normal(size=400) + 3
    task = REGRESSION.deciding_by(metric)
    assert judged(task, (labels + rng.normal(size=400) / 2)[:, None], labels).verdict == "pass"
    assert judged(task, np.full((400, 1), 3.0), labels).verdict == "fail"
    assert judged(task, rng.normal(size=(400, 1)) + 3, labels).verdict == "fail"


def test_turned_off_it_is_still_told() -> None:
    _, labels = single(100)
    constant, reference = one_hot(np.zeros(100, int)), against(SINGLE_LABEL, labels)
    found = above_chance("m", SINGLE_LABEL, constant, labels, reference, required=False)
    assert (found.verdict, found.bound) == ("info", None)
    assert found.detail.startswith("accuracy ")
    assert "always 'bee'" in found.detail


def gates_of(
    logits: np.ndarray, labels: np.ndarray, teacher: np.ndarray | None = None, **bounds: Any
) -> dict[str, GateResult]:
    reference = against(SINGLE_LABEL, labels, teacher)
    results = quality_gates("m", SINGLE_LABEL, logits, labels, reference, Gates(**bounds), NAMES)
    return {result.gate: result for result in results}


def test_a_rare_class_that_is_never_found_fails_and_is_named() -> None:
    labels = np.array([0] * 150 + [1] * 150 + [2] * 11)
    answers = labels.copy()
    answers[-11:] = 0
    found = gates_of(one_hot(answers), labels)["recall of each class"]
    assert (found.verdict, found.figure, found.n) == ("fail", 0.0, 11)
    assert found.detail == "never found: 'cat' (11 rows)"
    answers[-1] = 2
    assert gates_of(one_hot(answers), labels)["recall of each class"].verdict == "pass"
    assert gates_of(one_hot(answers), labels, min_per_class=0.5)["recall of each class"].verdict == "fail"
    assert gates_of(one_hot(answers), labels, min_per_class=None)["recall of each class"].verdict == "info"


def test_a_class_with_few_rows_is_not_judged() -> None:
    labels = np.array([0] * 150 + [1] * 150 + [2] * 9)
    answers = np.minimum(labels, 1)
    found = gates_of(one_hot(answers), labels)["recall of each class"]
    assert (found.verdict, found.figure) == ("pass", 1.0)


def test_the_drop_from_the_teacher_has_its_bound() -> None:
    rng, labels = single(600)
    student = np.where(rng.random(600) < 0.6, labels, (labels + 1) % 3)
    loose = gates_of(one_hot(student), labels, one_hot(labels))["drop from the teacher"]
    assert loose.figure == pytest.approx(100 * (student != labels).mean())
    assert (loose.verdict, loose.bound) == ("fail", 25.0)
    assert (
        gates_of(one_hot(student), labels, one_hot(labels), max_drop_from_teacher=60.0)["drop from the teacher"].verdict
        == "pass"
    )
    assert (
        gates_of(one_hot(student), labels, one_hot(labels), max_drop_from_teacher=None)["drop from the teacher"].verdict
        == "info"
    )
    assert "drop from the teacher" not in gates_of(one_hot(student), labels)


def test_the_metric_has_a_floor_and_an_error_a_ceiling() -> None:
    rng, labels = single(500)
    answers = np.where(rng.random(500) < 0.9, labels, (labels + 1) % 3)
    assert gates_of(one_hot(answers), labels, min_metric=0.8)["accuracy"].verdict == "pass"
    assert gates_of(one_hot(answers), labels, min_metric=0.99)["accuracy"].verdict == "fail"
    task, values = REGRESSION.deciding_by("rmse"), rng.normal(size=300)
    found = {
        bound: quality_gates(
            "m", task, (values + 0.1)[:, None], values, against(task, values), Gates(min_metric=bound), ("score",)
        )
        for bound in (0.2, 0.05)
    }
    assert [[r.verdict for r in found[b] if r.gate == "RMSE"] for b in (0.2, 0.05)] == [["pass"], ["fail"]]


def test_the_refusal_says_what_and_what_to_do() -> None:
    labels = np.array([0] * 300 + [1] * 700)
    failed = judged(SINGLE_LABEL, one_hot(np.ones(1000, int)), labels)
    error = refused_model("the student", [failed])
    assert error.exit_code == 3
    assert "above chance: accuracy 70.0 %, always 'bee' 70.0 %; it answers the same to every row" in error.message
    assert "+0.0 points" in error.message
    assert error.hint is not None
    assert "gates.above_chance: false" in error.hint

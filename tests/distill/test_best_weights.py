"""The best weights on tuning rows, and early stopping, in a whole distillation."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd_deploy.distill import distill_run
from ackd_deploy.distill.pipeline import opened_context
from ackd_deploy.errors import RecipeError
from ackd_deploy.files import sha256_file
from ackd_deploy.models.classifiers import load_classifier
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import TEACHER, Run
from ackd_deploy.run.records import SelectionRecord
from ackd_deploy.training.evaluate import predict_logits
from tests.training_fixtures import distill_in_pieces

BEST = ("data.tuning_rows=16", "distill.select=best", "distill.evaluation_steps=2", "distill.baselines=[]")


def selection_of(run: Run) -> SelectionRecord:
    training = run.record(run.student).training
    assert training is not None
    assert training.selection is not None
    return training.selection


def test_the_weights_of_the_best_evaluation_are_kept(new_run) -> None:
    run: Run = new_run(*BEST, "distill.epochs=3", "distill.learning_rate=3e-3", "teacher.finetune.select=best")
    distill_run(run, device="cpu")
    found = selection_of(run)
    # 80 rows in batches of 16, three times.
    assert [e.step for e in found.evaluations] == [2, 4, 6, 8, 10, 12, 14, 15]
    assert (found.metric, found.rows, found.stopped_early) == ("accuracy", 16, False)
    assert found.value == max(e.value for e in found.evaluations)
    # The first of equal ones.
    assert found.step == next(e.step for e in found.evaluations if e.value == found.value)
    teacher = run.record(TEACHER).training
    assert teacher is not None
    assert teacher.selection is not None
    assert [e.step for e in teacher.selection.evaluations] == [5, 10]
    with opened_context(run, "cpu") as context:
        assert context.selection_rows is not None
        tuning = context.encoded(context.selection_rows, context.student_tokenizer)
        student = load_classifier(run.path("student"), tuning.label_names, tuning.problem_type)
        value = context.task.score(predict_logits(student, tuning, context.device), tuning.labels)
    assert value == found.value


def test_without_a_better_one_it_stops_early_with_the_first(new_run) -> None:
    # So small a rate changes no answer.
    overrides = (*BEST, "distill.learning_rate=1e-12", "distill.epochs=9")
    run: Run = new_run(*overrides, "distill.early_stopping=2")
    distill_run(run, device="cpu")
    training = run.record(run.student).training
    assert training is not None
    assert (training.steps, training.samples) == (6, 96)
    found = selection_of(run)
    assert (found.step, found.stopped_early, len(found.evaluations)) == (2, True, 3)


def test_stopped_and_resumed_it_ends_with_the_same_weights(new_run) -> None:
    overrides = (*BEST, "distill.learning_rate=3e-3", "distill.epochs=3", "distill.early_stopping=4")
    whole = new_run(*overrides, name="whole")
    distill_run(whole, device="cpu")
    parts, stops = distill_in_pieces(lambda: new_run(*overrides, name="parts"), after=4, most=30)
    assert stops >= 3
    assert selection_of(parts) == selection_of(whole)
    weights = [sha256_file(run.path("student", "model.safetensors")) for run in (whole, parts)]
    assert weights[0] == weights[1]


def test_of_an_error_the_smallest_is_the_best(new_run, tiny_data: Path, tmp_path: Path) -> None:
    for name in ("train", "validation"):
        text = (tiny_data / f"{name}.csv").read_text()
        (tmp_path / f"{name}.csv").write_text(text.replace(",positive", ",1.5").replace(",negative", ",-0.5"))
    run: Run = new_run(
        *BEST, f"data.train={tmp_path}/train.csv", f"data.validation={tmp_path}/validation.csv",
        "data.problem_type=regression", "data.metric=mse", "distill.learning_rate=1e-2", "distill.method=kd",
    )  # fmt: skip
    distill_run(run, device="cpu")
    found = selection_of(run)
    assert found.metric == "mse"
    assert found.value == min(e.value for e in found.evaluations) < max(e.value for e in found.evaluations)


def test_without_it_nothing_is_evaluated(new_run) -> None:
    run: Run = new_run("data.tuning_rows=16", "distill.baselines=[]", "distill.epochs=1")
    distill_run(run, device="cpu")
    training = run.record(run.student).training
    assert training is not None
    assert training.selection is None


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("distill: {select: best}", r"distill\.select: best needs data\.tuning_rows"),
        ("distill: {early_stopping: 2}", r"distill: early_stopping and evaluation_steps need select: best"),
    ],
)
def test_what_it_needs(keys: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_recipe(f"data: {{train: a, validation: b}}\nteacher: {{model: m}}\n{keys}\n")

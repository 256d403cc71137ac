"""Figures of a run's models come from their saved predictions, which are checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ackd_deploy.errors import ArtifactError, UsageError
from ackd_deploy.files import sha256_file
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.report.evaluation import evaluate_run
from ackd_deploy.run import TEACHER, Run, student_stage
from tests.report.conftest import RECIPE, logits_with

Make = Callable[..., Run]


def test_each_model_has_its_metrics_and_interval(make_run: Make) -> None:
    found = evaluate_run(make_run())
    assert list(found) == ["teacher", "kd", "ackd", "finetune"]
    assert [e.value for e in found.values()] == [180 / 200, 172 / 200, 176 / 200, 170 / 200]
    teacher = found["teacher"]
    assert (teacher.metric, teacher.rows) == ("accuracy", 200)
    # Wilson's: (0.9 + z²/400 ± z·sqrt(0.09/200 + z²/160000)) / (1 + z²/200), with z = 1.96.
    assert teacher.interval == pytest.approx((0.850594, 0.934330), abs=1e-5)
    assert teacher.metrics["accuracy"] == 0.9


def test_test_rows(make_run: Make, labels: np.ndarray) -> None:
    run = make_run(recipe=RECIPE.replace("validation.tsv", "validation.tsv, test: test.tsv"))
    for stage, right in ((TEACHER, 90), (student_stage("kd"), 80)):
        path = run.predictions(stage)
        more = {"test_logits": logits_with(range(right), labels[:100]), "test_labels": labels[:100]}
        save_file({**load_file(path), **more}, path)
        run.finish(stage, run.record(stage).model_copy(update={"predictions_sha256": sha256_file(path)}))
    run.reset(student_stage("ackd"), student_stage("finetune"))
    found = evaluate_run(run, rows="test")
    assert {name: (e.value, e.rows) for name, e in found.items()} == {"teacher": (0.9, 100), "kd": (0.8, 100)}


def test_without_test_rows(make_run: Make) -> None:
    with pytest.raises(UsageError, match="names no test rows"):
        evaluate_run(make_run(), rows="test")


def test_a_run_without_models(tmp_path) -> None:
    with pytest.raises(UsageError, match="no finished model"):
        evaluate_run(Run.open(tmp_path / "new", parse_recipe(RECIPE)))


def test_predictions_that_changed_are_refused(make_run: Make, labels: np.ndarray) -> None:
    run = make_run()
    save_file({"logits": logits_with(range(200), labels), "labels": labels}, run.predictions(TEACHER))
    with pytest.raises(ArtifactError, match="damaged"):
        evaluate_run(run)
    run.predictions(TEACHER).unlink()
    with pytest.raises(ArtifactError, match="missing"):
        evaluate_run(run)

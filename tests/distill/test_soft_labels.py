"""A whole distillation with soft labels beside the labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd_deploy.distill import distill_run
from ackd_deploy.files import sha256_file
from ackd_deploy.run import TEACHER, Run, student_stage
from tests.training_fixtures import write_soft_rows


@pytest.fixture
def softened(tmp_path: Path, tiny_data: Path) -> Path:
    """The training rows with soft labels in two of three, and a label in two of three."""
    return write_soft_rows(
        tiny_data / "train.csv",
        tmp_path / "soft.csv",
        {"positive": 0.9, "negative": 0.2},
        soft=lambda number: number % 3 != 0,
        hard=lambda number: number % 3 != 1,
    )


def overrides(file: Path) -> list[str]:
    return [f"data.train={file}", "data.soft_labels={negative: p_neg, positive: p_pos}", "distill.epochs=1"]


def test_every_method_and_the_teacher_train_on_them(new_run, softened: Path, tmp_path: Path, tiny_data: Path) -> None:
    more = (
        f"data.unlabeled={tiny_data}/validation.csv",
        "distill.baselines=[finetune]",
        "distill.class_weights=balanced",
    )
    run: Run = new_run(*overrides(softened), *more)
    distill_run(run, device="cpu")
    teacher, finetune, ackd = (run.record(stage) for stage in (TEACHER, student_stage("finetune"), run.student))
    assert [r.training.samples for r in (teacher, finetune, ackd)] == [2 * 96, 96, 128]
    labels = {row.label for row in ackd.student.hardest or []}
    assert None in labels
    for row in ackd.student.hardest or []:
        assert (row.label is None) == (row.row % 3 == 1 or row.row >= 96)


def test_their_weight_changes_the_students(new_run, softened: Path) -> None:
    found = []
    for weight in (0.0, 0.5):
        run = new_run(*overrides(softened), f"distill.soft_label_weight={weight}", "distill.method=finetune",
                      "distill.baselines=[]", name=f"run{weight}")  # fmt: skip
        distill_run(run, device="cpu")
        found.append(sha256_file(run.path("student", "model.safetensors")))
    assert found[0] != found[1]

"""Soft labels in the place of a teacher: the loss, the whole distillation, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from ackd_deploy.artifact import open_artifact
from ackd_deploy.distill import distill_run
from ackd_deploy.distill.losses.outputs import kd_loss
from ackd_deploy.distill.objective import student_objective
from ackd_deploy.distill.soft_answers import SoftAnswers
from ackd_deploy.errors import DataError, RecipeError, RunMismatch, UsageError
from ackd_deploy.experiments.ablation import ablate_run
from ackd_deploy.export import export_run
from ackd_deploy.recipe import load_recipe, parse_recipe
from ackd_deploy.recipe.sections import Distill
from ackd_deploy.report.summary import summary_rows, summary_table
from ackd_deploy.run import EXPORT, TEACHER, Run, student_stage
from ackd_deploy.tasks import MULTI_LABEL, SINGLE_LABEL
from ackd_deploy.training.batch_schedule import Batch
from ackd_deploy.training.process_group import ProcessGroup
from tests.training_fixtures import write_soft_rows

CPU = torch.device("cpu")
LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 0.3, -4.0], [5.0, -3.0, -3.0]])
STUDENT = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("kind", ["single_label_classification", "multi_label_classification"])
def test_a_teachers_probabilities_distil_as_its_logits_do(kind: str, temperature: float) -> None:
    single = kind.startswith("single")
    shares = softmax(LOGITS, axis=1) if single else expit(LOGITS)
    answers = SoftAnswers(shares.astype(np.float32), SINGLE_LABEL if single else MULTI_LABEL, CPU)
    student = torch.from_numpy(STUDENT)
    expected = kd_loss(kind, student, torch.from_numpy(LOGITS).float(), temperature)
    assert torch.allclose(kd_loss(kind, student, answers.logits(np.arange(3)), temperature), expected, atol=1e-5)


def test_shares_of_nothing_are_finite_answers() -> None:
    answers = SoftAnswers(np.array([[1, 0]], np.float32), SINGLE_LABEL, CPU)
    scores = softmax(answers.logits(np.array([0])).numpy(), axis=1)
    assert scores[0].tolist() == pytest.approx([1.0, 1e-6], abs=1e-6)


def test_rows_without_soft_labels_have_ce_alone() -> None:
    soft = np.array([[0.9, 0.05, 0.05], [np.nan] * 3, [0.2, 0.2, 0.6]], np.float32)
    labels = np.array([-1, 2, 0])
    objective = student_objective(
        "kd", Distill(), labels=labels, problem_type="single_label_classification",
        bank=SoftAnswers(soft, SINGLE_LABEL, CPU), student_width=2, layers=1, seed=1, device=CPU,
        process_group=ProcessGroup(),
    )  # fmt: skip
    rows = np.arange(3)
    batch = Batch(step=0, progress=0, rows=rows, local_rows=rows, counts=True, attention_mask=torch.ones(3, 1))
    outputs: Any = SimpleNamespace(logits=torch.from_numpy(STUDENT), hidden_states=())
    found = objective(outputs, batch)
    logs = np.log(softmax(STUDENT.astype(np.float64), axis=1))
    assert found["ce"].item() == pytest.approx(-(logs[1, 2] + logs[2, 0]) / 3, rel=1e-5)
    # T is 2: the shares' roots, normalized.
    kd = 0.0
    for row in (0, 2):
        target = np.sqrt(soft[row].astype(np.float64))
        target /= target.sum()
        mine = softmax(STUDENT[row].astype(np.float64) / 2)
        kd += 4 * (target * np.log(target / mine)).sum() / 3
    assert found["kd"].item() == pytest.approx(kd, rel=1e-5)


@pytest.fixture
def softened(tmp_path: Path, tiny_data: Path) -> Path:
    """The training rows with soft labels in all but every eighth, which has a label instead; others have both."""
    return write_soft_rows(
        tiny_data / "train.csv",
        tmp_path / "soft.csv",
        {"positive": 0.95, "negative": 0.1},
        soft=lambda number: number % 8 != 0,
        hard=lambda number: number % 8 in (0, 3),
    )


@pytest.fixture
def taught(tmp_path: Path, softened: Path, tiny_data: Path, tiny_teacher: Path) -> Path:
    """A recipe without a local teacher."""
    path = tmp_path / "taught.yaml"
    path.write_text(
        f"""\
name: taught
data:
  train: {softened}
  validation: {tiny_data}/validation.csv
  soft_labels: {{negative: p_neg, positive: p_pos}}
  max_length: 32
teacher: {{model: null}}
student: {{init: {tiny_teacher}, layers: 2}}
distill:
  method: kd
  baselines: [finetune]
  epochs: 24
  learning_rate: 3e-3
  batch_size: 16
  precision: fp32
export: {{variants: [fp32], latency_all_threads: false, latency_rounds: 3}}
gates: {{parity_rows: 32, max_accuracy_drop: 5, min_agreement: 0.9, max_error_growth: 1}}
"""
    )
    return path


def test_the_student_learns_from_the_answers(taught: Path, tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", load_recipe(taught))
    distill_run(run, device="cpu")
    assert list(run.models()) == ["finetune", "kd"]
    assert run.find(TEACHER) is None
    assert not run.path("teacher").exists()
    finetune, kd = run.record(student_stage("finetune")), run.record(run.student)
    assert kd.training is not None
    assert finetune.training is not None
    assert (finetune.train_rows, kd.train_rows) == (24, 96)
    assert (finetune.unlabeled_rows, kd.unlabeled_rows) == (None, None)
    assert finetune.training.samples == 24 * 24
    assert kd.value >= 0.9
    # The same again has nothing to train and no teacher to judge.
    distill_run(run, device="cpu")
    assert run.record(run.student) == kd
    assert kd.student is not None
    assert kd.student.layer_map == ()
    export_run(run, table=False)
    export = run.record(EXPORT)
    (fp32,) = export.variants
    assert (export.latency.ratios, fp32.latency_ratio, list(export.latency.torch["single"])) == ({}, None, ["student"])
    assert not [gate.gate for gate in fp32.gates if "teacher" in gate.gate]
    manifest = open_artifact(run.path("artifact"))
    assert manifest.provenance["teacher"] == "soft labels in the data"
    assert "soft labels that came with the data" in run.path("artifact", "README.md").read_text()
    assert manifest.quality is not None
    assert manifest.quality.teacher is None
    rows = summary_rows(run)
    assert "teacher" not in {row.role for row in rows}
    assert "teacher" not in str(summary_table(rows).caption)
    with pytest.raises(UsageError, match=r"cdl needs a teacher\.model"):
        ablate_run(run, ["kd", "cdl"], 1, device="cpu")
    softer = run.recipe.data.train
    assert isinstance(softer, str)
    Path(softer).write_text(Path(softer).read_text().replace("0.95", "0.94").replace("0.05", "0.06"))
    with pytest.raises(RunMismatch, match=r"data\.train"):
        distill_run(run, device="cpu")


def test_without_any_answer_or_label_it_says_so(
    taught: Path, tmp_path: Path, softened: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = softened.read_text().splitlines()
    softened.write_text("\n".join([text[0], *(line for n, line in enumerate(text[1:]) if n % 8 not in (0, 3))]))
    with pytest.raises(DataError, match="method finetune trains on labels alone"):
        distill_run(Run.open(tmp_path / "run", load_recipe(taught)), device="cpu")
    # Nothing is fitted to the validation rows in the place of training rows.
    assert "no TF-IDF baseline: no training row has a label of its own" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("distill.method=ackd", r"ackd needs a teacher\.model: soft labels have no hidden states"),
        ("distill.baselines=[pkd, rkd]", r"pkd, rkd need a teacher\.model"),
        ("student.init=teacher", r"student\.init names a checkpoint"),
        ("data.soft_labels=null", r"data\.soft_labels names no columns"),
        ("data.unlabeled=more.csv", r"data\.unlabeled needs a teacher\.model"),
        ("teacher.revision=abc", r"need a teacher\.model"),
    ],
)
def test_what_it_cannot_do(taught: Path, keys: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said) as caught:
        load_recipe(taught, overrides=[keys])
    assert caught.value.exit_code == 2


def test_a_forgotten_model_is_still_missing() -> None:
    with pytest.raises(RecipeError, match=r"teacher\.model: missing"):
        parse_recipe("data: {train: a, validation: b}\nteacher: {}\n")

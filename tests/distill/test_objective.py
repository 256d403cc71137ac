"""The objective over rows of which some have no label: each loss worked out by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.losses.contrastive import cdl
from ackd_deploy.distill.losses.features import normalize
from ackd_deploy.distill.objective import DistillObjective, student_objective
from ackd_deploy.recipe.sections import Cdl, Distill, Negatives
from ackd_deploy.training.batch_schedule import Batch
from ackd_deploy.training.process_group import ProcessGroup

CPU = torch.device("cpu")
SINGLE, MULTI, NUMBER = "single_label_classification", "multi_label_classification", "regression"
# Rows 1 and 3 have no label; the teacher takes 1 for class 1, and 3 for class 0.
TEACHER = np.array([[2.0, 0.0], [-1.0, 1.0], [0.0, 3.0], [0.5, 0.0]], np.float32)
STUDENT = np.array([[1.0, 0.0], [0.0, 0.5], [0.0, 0.0], [1.0, -1.0]], np.float32)
LABELS = np.array([0, -1, 1, -1])


def bank_of(folder: Path, logits: np.ndarray, features: np.ndarray | None = None) -> TeacherBank:
    """A bank of the given logits [N, C] and unit features [N, M, H]."""
    arrays = {"logits": logits.astype(np.float32)}
    if features is not None:
        arrays["features_mean"] = features.astype(np.float16)
    for name, array in arrays.items():
        (folder / f"{name}.bin").write_bytes(array.tobytes())
    shapes = {name: {"dtype": str(a.dtype), "shape": list(a.shape)} for name, a in arrays.items()}
    return TeacherBank(folder, {"key": {"rows": len(logits)}, "arrays": shapes}, CPU)


def batch_of(rows: list[int], local: list[int] | None = None) -> Batch:
    mine = rows if local is None else local
    mask = torch.ones((len(mine), 1), dtype=torch.long)
    return Batch(step=0, progress=0.5, rows=np.array(rows), local_rows=np.array(mine), counts=True, attention_mask=mask)


def objective_of(method: str, bank: TeacherBank | None, labels: np.ndarray, kind: str, **keys: Any) -> DistillObjective:
    return student_objective(
        method,
        Distill(**keys),
        labels=labels,
        problem_type=kind,
        bank=bank,
        student_width=2,
        layers=1,
        seed=3,
        device=CPU,
        process_group=ProcessGroup(),
    )


def losses_of(objective: DistillObjective, logits: np.ndarray, batch: Batch, hidden: Any = ()) -> dict[str, float]:
    outputs = SimpleNamespace(logits=torch.from_numpy(logits), hidden_states=hidden)
    return {name: float(value) for name, value in objective(outputs, batch).items()}


def test_rows_without_a_label_have_kd_and_no_ce(tmp_path: Path) -> None:
    objective = objective_of("kd", bank_of(tmp_path, TEACHER), LABELS, SINGLE, ce_weight=0.3, kd_weight=0.7)
    found = losses_of(objective, STUDENT, batch_of([0, 1, 2, 3]))
    # Two of four rows have a label: their losses are divided by four, as each row's KD is.
    logs = log_softmax(STUDENT.astype(np.float64), axis=1)
    ce = -(logs[0, 0] + logs[2, 1]) / 4
    soft = softmax(TEACHER.astype(np.float64) / 2, axis=1)
    kd = 4 * (soft * (np.log(soft) - log_softmax(STUDENT.astype(np.float64) / 2, axis=1))).sum() / 4
    assert found["ce"] == pytest.approx(ce, rel=1e-6)
    assert found["kd"] == pytest.approx(kd, rel=1e-5)
    assert found["loss"] == pytest.approx(0.3 * ce + 0.7 * kd, rel=1e-5)


def test_multi_label_and_regression_rows_without_a_label(tmp_path: Path) -> None:
    labels = np.array([[1, 0], [np.nan, np.nan]], np.float32)
    found = losses_of(objective_of("kd", bank_of(tmp_path, TEACHER[:2]), labels, MULTI), STUDENT[:2], batch_of([0, 1]))
    ce = -(np.log(expit(1.0)) + np.log(expit(0.0))) / 2 / 2
    assert found["ce"] == pytest.approx(ce, rel=1e-6)
    values = np.array([1.5, np.nan], np.float32)
    student = np.array([[1.0], [4.0]], np.float32)
    objective = objective_of("kd", bank_of(tmp_path, np.array([[2.0], [7.0]])), values, NUMBER)
    found = losses_of(objective, student, batch_of([0, 1]))
    assert found["ce"] == pytest.approx(0.25 / 2)
    assert found["kd"] == pytest.approx((1.0 + 9.0) / 2)


def test_a_batch_without_any_label_has_a_loss_and_finite_gradients(tmp_path: Path) -> None:
    objective = objective_of("kd", bank_of(tmp_path, TEACHER), LABELS, SINGLE)
    logits = torch.from_numpy(STUDENT[[1, 3]]).requires_grad_()
    losses = objective(SimpleNamespace(logits=logits, hidden_states=()), batch_of([1, 3]))
    losses["loss"].backward()
    assert losses["ce"].item() == 0.0
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


def test_two_processes_parts_sum_to_the_whole(tmp_path: Path) -> None:
    objective = objective_of("kd", bank_of(tmp_path, TEACHER), LABELS, SINGLE)
    whole = losses_of(objective, STUDENT, batch_of([0, 1, 2, 3]))
    parts = [losses_of(objective, STUDENT[r], batch_of([0, 1, 2, 3], r)) for r in ([0, 2], [1, 3])]
    for name, value in whole.items():
        assert sum(part[name] for part in parts) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("rule", ["label", "all"])
def test_the_teacher_decides_which_sentences_are_negatives_of_a_row_without_a_label(tmp_path: Path, rule: str) -> None:
    rng = np.random.default_rng(5)
    features = normalize(torch.from_numpy(rng.normal(size=(4, 1, 2)))).numpy()
    bank = bank_of(tmp_path, TEACHER, features)
    settings = Cdl(negatives=Negatives(source="batch", rule=rule), temperature=0.5)  # type: ignore[arg-type]
    objective = objective_of("cdl", bank, LABELS, SINGLE, cdl=settings)
    hidden = torch.from_numpy(rng.normal(size=(4, 1, 2)).astype(np.float32))
    found = losses_of(objective, STUDENT, batch_of([0, 1, 2, 3]), (hidden, hidden))
    # Labels of rows 0 and 2, the teacher's decision of rows 1 and 3.
    known = torch.tensor([0, 1, 1, 0])
    negatives = known[:, None] != known[None, :] if rule == "label" else ~torch.eye(4, dtype=torch.bool)
    teacher = torch.from_numpy(features.astype(np.float16)).float().transpose(0, 1)
    expected = cdl(normalize(hidden[:, 0])[None], teacher, teacher, negatives, 0.5).loss.mean()
    assert found["cdl"] == pytest.approx(float(expected), rel=1e-5)


def test_labels_that_are_all_there_are_used_as_they_are(tmp_path: Path) -> None:
    # The teacher would decide otherwise of every row.
    labels = TEACHER.argmin(axis=1)
    features = normalize(torch.ones((4, 1, 2))).numpy()
    settings = Cdl(negatives=Negatives(source="batch"))
    objective = objective_of("cdl", bank_of(tmp_path, TEACHER, features), labels, SINGLE, cdl=settings)
    assert objective._contrast_labels.tolist() == labels.tolist()

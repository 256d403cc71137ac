"""Targets of rows with a label, soft labels, both or neither, and the loss that they make."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from ackd_deploy.distill.losses.outputs import kd_loss, task_loss
from ackd_deploy.distill.row_targets import ce_targets, with_teacher_labels
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL

NAN = np.nan
SOFT = np.array([[0.2, 0.8], [0.2, 0.8], [NAN, NAN], [NAN, NAN]], np.float32)


@pytest.mark.parametrize(
    ("weight", "both"), [(0.0, [1.0, 0.0]), (0.25, [0.8, 0.2]), (1.0, [0.2, 0.8])], ids=["label", "mixed", "soft"]
)
def test_single_label(weight: float, both: list[float]) -> None:
    targets, counted = ce_targets(np.array([0, -1, 1, -1]), SOFT, weight)
    assert targets[:3] == pytest.approx(np.array([both, [0.2, 0.8], [0.0, 1.0]]))
    assert counted.tolist() == [True, True, True, False]


def test_multi_label() -> None:
    labels = np.array([[1, 1], [NAN, NAN], [0, 1], [NAN, NAN]], np.float32)
    targets, counted = ce_targets(labels, SOFT, 0.5)
    assert targets[:3] == pytest.approx(np.array([[0.6, 0.9], [0.2, 0.8], [0.0, 1.0]]))
    assert counted.tolist() == [True, True, True, False]


def test_without_soft_labels_labels_stay_as_they_are() -> None:
    targets, counted = ce_targets(np.array([1, 0]), None, 0.5)
    assert (targets.tolist(), counted.tolist()) == ([1, 0], [True, True])


def test_the_loss_of_a_mixed_target_by_hand() -> None:
    logits = np.array([[1.0, -0.5], [0.3, 0.2]])
    targets, _ = ce_targets(np.array([0, -1]), SOFT[:2], 0.25)
    logs = log_softmax(logits, axis=1)
    # 3/4 of the label's cross-entropy and 1/4 of that against (0.2, 0.8).
    expected = [
        -0.75 * logs[0, 0] - 0.25 * (0.2 * logs[0, 0] + 0.8 * logs[0, 1]),
        -(0.2 * logs[1, 0] + 0.8 * logs[1, 1]),
    ]
    found = task_loss("single_label_classification", torch.from_numpy(logits), torch.from_numpy(targets).double())
    assert found.tolist() == pytest.approx(expected, rel=1e-6)
    weights = torch.tensor([2.0, 0.5])
    weighed = task_loss(
        "single_label_classification",
        torch.from_numpy(logits),
        torch.from_numpy(targets).double(),
        class_weights=weights,
    )
    assert weighed[1].item() == pytest.approx(-(2 * 0.2 * logs[1, 0] + 0.5 * 0.8 * logs[1, 1]), rel=1e-6)


def test_soft_labels_that_are_the_teachers_pull_as_kd_at_temperature_one() -> None:
    rng = np.random.default_rng(3)
    teacher, start = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    gradients = []
    for loss in (
        lambda z: task_loss("single_label_classification", z, torch.from_numpy(softmax(teacher, axis=1))),
        lambda z: kd_loss("single_label_classification", z, torch.from_numpy(teacher), 1.0),
    ):
        logits = torch.from_numpy(start).requires_grad_()
        loss(logits).sum().backward()
        gradients.append(logits.grad)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-12)


def test_the_teacher_decides_where_there_is_no_label() -> None:
    logits = torch.tensor([[2.0, -1.0], [-1.0, 2.0], [3.0, 1.0]])
    asked: list[int] = []

    def teacher(rows: np.ndarray) -> torch.Tensor:
        asked.extend(rows.tolist())
        return logits[rows]

    assert with_teacher_labels(np.array([1, -1, -1]), teacher, SINGLE_LABEL).tolist() == [1, 1, 0]
    assert asked == [1, 2]
    labels = np.array([[0, 1], [NAN, NAN], [NAN, NAN]], np.float32)
    assert with_teacher_labels(labels, teacher, MULTI_LABEL).tolist() == [[0, 1], [0, 1], [1, 1]]
    values = with_teacher_labels(np.array([0.5, NAN], np.float32), lambda rows: torch.tensor([[4.0]]), REGRESSION)
    assert values.tolist() == [0.5, 4.0]

"""The distillation objective: CE + KD + a loss on hidden states."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.feature_loss import FeatureLoss
from ackd_deploy.distill.losses.outputs import kd_loss, task_loss
from ackd_deploy.distill.methods import LossWeights, loss_weights
from ackd_deploy.distill.row_targets import ce_targets, with_teacher_labels
from ackd_deploy.distill.sar.reweighting import Reweighting
from ackd_deploy.distill.sar.weight_log import HardestSamples
from ackd_deploy.distill.soft_answers import SoftAnswers
from ackd_deploy.recipe.sections import Distill
from ackd_deploy.tasks import task_of
from ackd_deploy.training.batch_schedule import Batch
from ackd_deploy.training.objective import Objective
from ackd_deploy.training.process_group import ProcessGroup

__all__ = ["Answers", "DistillObjective", "student_objective"]

Answers = TeacherBank | SoftAnswers
"""What a teacher says of the rows: the logits and features of a local one, or the soft labels of another."""


class DistillObjective(Objective):
    """The loss of one method, with its own parameters.

    Args:
        weights: what the loss is made of.
        labels: [N] or [N, C] of the rows; those without one are marked as `unlabeled.has_label` says.
        problem_type: as in the recipe.
        kd_temperature: T of the loss against the teacher's logits.
        device: of the student.
        class_weights: [C] in the loss against the labels, see `ackd_deploy.data.balance`; None: all 1.
        bank: the teacher's answers; None where the loss uses none.
        feature_loss: the loss on hidden states; None where there is none.
        soft: [N, C] soft labels, NaN in rows without; None: none.
        soft_label_weight: their part in the target of rows that have a label too.
    """

    def __init__(
        self,
        weights: LossWeights,
        *,
        labels: NDArray[Any],
        problem_type: str,
        kd_temperature: float,
        device: torch.device,
        class_weights: NDArray[np.float64] | None = None,
        bank: Answers | None = None,
        feature_loss: FeatureLoss | None = None,
        soft: NDArray[np.float32] | None = None,
        soft_label_weight: float = 0.5,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.features = feature_loss
        self._problem_type = problem_type
        self._kd_temperature = kd_temperature
        self._bank = bank
        targets, counted = ce_targets(labels, soft, soft_label_weight)
        self._all_counted = bool(counted.all())
        self._counted = torch.from_numpy(counted).to(device)
        self._targets = torch.from_numpy(targets).to(device)
        self._contrast_labels: Tensor | None = None
        if feature_loss is not None and bank is not None:
            # Which sentences have another label; of rows without one the teacher decides.
            known = with_teacher_labels(labels, bank.logits, task_of(problem_type))
            self._contrast_labels = torch.from_numpy(known).to(device)
        self._class_weights = None
        if class_weights is not None:
            # Rounded on the CPU: a device may have no float64.
            self._class_weights = torch.from_numpy(class_weights.astype(np.float32)).to(device)

    @property
    def needs_hidden_states(self) -> bool:
        """Whether there is a loss on hidden states."""
        return self.features is not None

    def forward(self, outputs: Any, batch: Batch) -> dict[str, Tensor]:
        """Return each loss by name and their weighted sum ``loss``; see `Objective`."""
        weights = self.weights
        index = torch.from_numpy(batch.local_rows).to(self._targets.device)
        losses: dict[str, Tensor] = {}
        total = outputs.logits.new_zeros((), dtype=torch.float32)
        if weights.ce > 0:
            targets = self._targets[index]
            ce = task_loss(self._problem_type, outputs.logits, targets, class_weights=self._class_weights)
            if not self._all_counted:
                # Each row counts once in a batch's mean, also where it has no label: the part of CE in the loss is
                # the share of the labeled rows, and no single one of them outweighs the others in a batch of its own.
                ce = torch.where(self._counted[index], ce, 0.0)
            losses["ce"] = batch.fraction * ce.mean()
            total = total + weights.ce * losses["ce"]
        if self._bank is not None and weights.kd > 0:
            teacher = self._bank.logits(batch.local_rows)
            kd = kd_loss(self._problem_type, outputs.logits, teacher, self._kd_temperature)
            if isinstance(self._bank, SoftAnswers):
                # As CE of rows without a label: they count in the mean.
                kd = torch.where(self._bank.answered(batch.local_rows), kd, 0.0)
            losses["kd"] = batch.fraction * kd.mean()
            total = total + weights.kd * losses["kd"]
        if self.features is not None and self._contrast_labels is not None and weights.feature_weight > 0:
            losses[weights.feature] = self.features(outputs.hidden_states, batch, self._contrast_labels)
            total = total + weights.feature_weight * losses[weights.feature]
        return {"loss": total, **losses}

    @property
    def hardest(self) -> HardestSamples | None:
        """Each training row's running mean weight and contrastive loss, for the methods that have them."""
        return self._reweighting.hardest if self._reweighting else None

    @property
    def _reweighting(self) -> Reweighting | None:
        return self.features.reweighting if self.features is not None else None

    def statistics(self) -> dict[str, float | None]:
        """Return the feature loss's figures of the last step."""
        return self.features.statistics() if self.features is not None else {}

    def extra_tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold beside the optimized parameters."""
        return self._reweighting.state() if self._reweighting else {}

    def load_extra_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `extra_tensors` returned."""
        if self._reweighting:
            self._reweighting.load_state(tensors)


def student_objective(
    method: str,
    distill: Distill,
    *,
    labels: NDArray[Any],
    soft: NDArray[np.float32] | None = None,
    problem_type: str,
    class_weights: NDArray[np.float64] | None = None,
    bank: Answers | None,
    student_width: int,
    layers: int,
    seed: int,
    device: torch.device,
    process_group: ProcessGroup,
) -> DistillObjective:
    """Return the objective of a student of ``layers`` layers, ``student_width`` wide, under one method.

    Args:
        method: as in the recipe.
        distill: the recipe's section.
        labels: [N] or [N, C] of the rows that it is trained on; some may have none.
        soft: [N, C] their soft labels; None: none.
        problem_type: as in the recipe.
        class_weights: [C] in the loss against the labels; None: all 1.
        bank: the teacher's; None where the method needs none.
        student_width: of the student's hidden states.
        layers: M, the student's layers.
        seed: of this training.
        device: of the student.
        process_group: the processes that train together.
    """
    weights = loss_weights(method, distill)
    feature_loss = None
    if bank is not None and not isinstance(bank, SoftAnswers) and weights.feature != "none":
        feature_loss = FeatureLoss(
            weights,
            problem_type=problem_type,
            distill=distill,
            bank=bank,
            student_width=student_width,
            layers=layers,
            seed=seed,
            process_group=process_group,
        )
    return DistillObjective(
        weights,
        labels=labels,
        problem_type=problem_type,
        kd_temperature=distill.kd_temperature,
        device=device,
        class_weights=class_weights,
        bank=bank,
        feature_loss=feature_loss,
        soft=soft,
        soft_label_weight=distill.soft_label_weight,
    )

"""The distillation objective: CE + KD + a feature loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.losses.codir import codir
from ackd_deploy.distill.losses.contrastive import Contrast, adaptive_mean, cdl, draw_rows, negative_mask
from ackd_deploy.distill.losses.features import StudentProjection, normalize, pool_layers
from ackd_deploy.distill.losses.outputs import kd_loss, task_loss
from ackd_deploy.distill.losses.pkd import pkd
from ackd_deploy.distill.losses.rkd import rkd
from ackd_deploy.distill.methods import LossWeights
from ackd_deploy.distill.sar.reweighting import Reweighting
from ackd_deploy.distill.sar.weight_log import HardestSamples
from ackd_deploy.recipe.sections import Distill
from ackd_deploy.training.batch_schedule import Batch
from ackd_deploy.training.objective import Objective
from ackd_deploy.training.process_group import ProcessGroup
from ackd_deploy.training.schedule import derived_seed

__all__ = ["DistillObjective", "FeatureLoss"]


class DistillObjective(Objective):
    """The loss of one method, with what it learns beside the student.

    Args:
        loss_weights: what the loss is made of.
        labels: [N] or [N, C] of the training rows.
        problem_type: as in the recipe.
        distill: the recipe's section.
        device: of the student.
        bank: the teacher's logits and features; None where the terms use none.
        features: the feature loss; None where the terms have none.
    """

    def __init__(
        self,
        loss_weights: LossWeights,
        labels: NDArray[Any],
        problem_type: str,
        distill: Distill,
        device: torch.device,
        *,
        bank: TeacherBank | None = None,
        features: FeatureLoss | None = None,
    ) -> None:
        super().__init__()
        self.loss_weights = loss_weights
        self.features = features
        self._problem = problem_type
        self._temperature = distill.kd_temperature
        self._bank = bank
        self._labels = torch.from_numpy(np.array(labels)).to(device)

    @property
    def needs_hidden_states(self) -> bool:
        """Whether there is a feature loss."""
        return self.features is not None

    def forward(self, outputs: Any, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss and their weighted sum ``loss``; see `Objective`."""
        index = torch.from_numpy(batch.mine).to(self._labels.device)
        part = len(batch.mine) / len(batch.rows) if batch.counts else 0.0
        found: dict[str, Tensor] = {}
        total = outputs.logits.new_zeros((), dtype=torch.float32)
        if self.loss_weights.ce > 0:
            found["ce"] = part * task_loss(self._problem, outputs.logits, self._labels[index]).mean()
            total = total + self.loss_weights.ce * found["ce"]
        if self._bank is not None and self.loss_weights.kd > 0:
            teacher = self._bank.logits(batch.mine)
            found["kd"] = part * kd_loss(self._problem, outputs.logits, teacher, self._temperature).mean()
            total = total + self.loss_weights.kd * found["kd"]
        if self.features is not None and self.loss_weights.weight > 0:
            found[self.loss_weights.feature] = self.features(outputs.hidden_states, batch, self._labels)
            total = total + self.loss_weights.weight * found[self.loss_weights.feature]
        return {"loss": total, **found}

    @property
    def hardest(self) -> HardestSamples | None:
        """Each training row's running mean weight and contrastive loss, for the methods that have them."""
        weigh = self.features.reweighting if self.features is not None else None
        return weigh.hardest if weigh else None

    def statistics(self) -> dict[str, float | None]:
        """Return the feature loss's figures of the last step."""
        return self.features.statistics() if self.features is not None else {}

    def extra_tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold beside the optimized parameters."""
        weigh = self.features.reweighting if self.features is not None else None
        return weigh.state() if weigh else {}

    def load_extra_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `extra_tensors` returned."""
        weigh = self.features.reweighting if self.features is not None else None
        if weigh:
            weigh.load_state(tensors)


class FeatureLoss(nn.Module):
    """PKD, RKD, CoDIR, CDL or ACKD on the student's hidden states, against the bank.

    Its parameters, trained with the student's and thrown away after, are the projections to the teacher's width,
    where the widths differ or the recipe asks for them.

    Args:
        terms: which loss, pooling and weights.
        problem_type: as in the recipe.
        distill: the recipe's section.
        bank: the teacher's features of the M mapped layers.
        student_width: of the student's hidden states.
        layers: M, the student's layers.
        seed: of this training.
        process_group: the processes that train together.
    """

    def __init__(
        self,
        loss_weights: LossWeights,
        problem_type: str,
        distill: Distill,
        bank: TeacherBank,
        *,
        student_width: int,
        layers: int,
        seed: int,
        process_group: ProcessGroup,
    ) -> None:
        super().__init__()
        self._terms = loss_weights
        self._problem = problem_type
        self._cdl = distill.cdl
        self._bank = bank
        self._layers = range(1, layers + 1)
        self._seed = seed
        self._world = process_group
        self.projection: StudentProjection | None = None
        self.reweighting: Reweighting | None = None
        self._has_negative: Tensor | None = None
        weights = distill.cdl.layer_weights
        self._layer_weights = None if weights is None else torch.tensor(weights, device=bank.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "feature loss"))
            # RKD compares relations inside each space: widths may differ.
            if distill.cdl.projection or (student_width != bank.width and loss_weights.feature != "rkd"):
                self.projection = StudentProjection(layers, student_width, bank.width)
            if loss_weights.feature == "cdl":
                self.reweighting = Reweighting(
                    distill.sar,
                    loss_weights.sar,
                    rows=bank.rows,
                    width=bank.width,
                    layers=layers,
                    seed=seed,
                    device=bank.device,
                    process_group=process_group,
                )

    def forward(self, hidden_states: tuple[Tensor, ...], batch: Batch, labels: Tensor) -> Tensor:
        """Return this process's part of the loss's mean over the whole batch, a scalar.

        Args:
            hidden_states: of the student, M + 1 tensors [B, T, H].
            batch: which rows they are.
            labels: of all training rows.
        """
        pooled = pool_layers(hidden_states, batch.attention_mask, self._layers, self._terms.pooling)
        student = normalize(pooled if self.projection is None else self.projection(pooled))
        if self._terms.feature == "rkd":
            # Relations of the last layer, among all rows of the batch, whichever process has them.
            whole = self._world.gather_live(student[-1], len(batch.rows))
            loss = rkd(whole, self._bank.features(batch.rows, self._terms.pooling)[-1])
            # Every process has the whole value, and its own part of the gradient.
            return loss - loss.detach() * (1 - 1 / self._world.size)
        teacher = self._bank.features(batch.mine, self._terms.pooling)
        part = len(batch.mine) / len(batch.rows) if batch.counts else 0.0
        if self._terms.feature == "pkd":
            return part * pkd(student, teacher).mean()
        contrast = self._contrast(student, teacher, batch, labels)
        mine = contrast.has_negative & batch.counts
        if self.reweighting is None:
            everyone = self._world.gather(mine, len(batch.rows), dim=0)
            self._has_negative = everyone
            loss = adaptive_mean(contrast.loss, torch.ones_like(contrast.loss), mine)
        else:
            weights, everyone = self.reweighting(contrast, student, teacher, batch)
            loss = adaptive_mean(contrast.loss, weights, mine, self._layer_weights)
        # adaptive_mean divides by this process's samples with negatives; the mean is over everyone's.
        return loss * mine.sum().clamp(min=1) / everyone.sum().clamp(min=1)

    def statistics(self) -> dict[str, float | None]:
        """Return figures of the last step: SAR's, or how many samples had no negative; empty for PKD and RKD."""
        if self.reweighting is not None:
            return {f"sar_{name}": value for name, value in self.reweighting.statistics().items()}
        if self._has_negative is None:
            return {}
        return {"without_negative": float((~self._has_negative).sum().item())}

    def _contrast(self, student: Tensor, teacher: Tensor, batch: Batch, labels: Tensor) -> Contrast:
        rule = self._cdl.negatives
        codir_method = self._terms.feature == "codir"
        if rule.source == "batch" and not codir_method:
            others = batch.rows
        else:
            others = draw_rows(self._bank.rows, rule.count, derived_seed(self._seed, "negatives"), batch.step)
        index, other_index = (torch.from_numpy(rows).to(labels.device) for rows in (batch.mine, others))
        mask = negative_mask(
            self._problem,
            labels[index],
            labels[other_index],
            index,
            other_index,
            rule=rule.rule,
            gap=rule.regression_gap,
        )
        negatives = self._bank.features(others, self._terms.pooling)
        loss = codir if codir_method else cdl
        return loss(student, teacher, negatives, mask, self._cdl.temperature)

"""The losses on hidden states in a training: student features against the teacher's bank."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.losses.codir import codir
from ackd_deploy.distill.losses.contrastive import Contrast, adaptive_mean, cdl, draw_rows, negative_mask
from ackd_deploy.distill.losses.features import StudentProjection, normalize, pool_layers
from ackd_deploy.distill.losses.pkd import pkd
from ackd_deploy.distill.losses.rkd import rkd
from ackd_deploy.distill.methods import Feature, LossWeights
from ackd_deploy.distill.sar.reweighting import Reweighting
from ackd_deploy.recipe.sections import Distill
from ackd_deploy.training.batch_schedule import Batch
from ackd_deploy.training.process_group import ProcessGroup
from ackd_deploy.training.schedule import derived_seed
from ackd_deploy.training.windows import mean_of_windows

__all__ = ["FeatureLoss"]


class FeatureLoss(nn.Module):
    """PKD, RKD, CoDIR, CDL or ACKD on the student's hidden states, against the bank.

    Its parameters, trained with the student's and dropped afterwards, are the projections to the teacher's width, where
    the widths differ or the recipe asks for them.

    Args:
        weights: which loss, pooling and sample weights.
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
        weights: LossWeights,
        *,
        problem_type: str,
        distill: Distill,
        bank: TeacherBank,
        student_width: int,
        layers: int,
        seed: int,
        process_group: ProcessGroup,
    ) -> None:
        super().__init__()
        self._feature: Feature = weights.feature
        self._pooling = weights.pooling
        self._problem_type = problem_type
        self._cdl = distill.cdl
        self._bank = bank
        self._layers = range(1, layers + 1)
        self._seed = seed
        self._group = process_group
        self.projection: StudentProjection | None = None
        self.reweighting: Reweighting | None = None
        self._has_negative: Tensor | None = None
        layer_weights = distill.cdl.layer_weights
        self._layer_weights = None if layer_weights is None else torch.tensor(layer_weights, device=bank.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "feature loss"))
            # RKD compares relations inside each space: widths may differ.
            if distill.cdl.projection or (student_width != bank.width and self._feature != "rkd"):
                self.projection = StudentProjection(layers, student_width, bank.width)
            if self._feature == "cdl":
                self.reweighting = Reweighting(
                    distill.sar,
                    weights.sar,
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
            hidden_states: of the student, M + 1 tensors [B, T, H], or [V, T, H] of the rows' windows.
            batch: which rows they are.
            labels: of all rows; of those without one, the teacher's decision.
        """
        pooled = pool_layers(hidden_states, batch.attention_mask, self._layers, self._pooling)
        pooled = mean_of_windows(pooled, batch.owners, len(batch.local_rows), dim=1)
        student = normalize(pooled if self.projection is None else self.projection(pooled))
        return _LOSSES[self._feature](self, student, batch, labels)

    def statistics(self) -> dict[str, float | None]:
        """Return figures of the last step: SAR's, or how many samples had no negative; empty for PKD and RKD."""
        if self.reweighting is not None:
            return {f"sar_{name}": value for name, value in self.reweighting.statistics().items()}
        if self._has_negative is None:
            return {}
        return {"without_negative": float((~self._has_negative).sum().item())}

    def _pkd(self, student: Tensor, batch: Batch, labels: Tensor) -> Tensor:
        teacher = self._bank.features(batch.local_rows, self._pooling)
        return batch.fraction * pkd(student, teacher).mean()

    def _rkd(self, student: Tensor, batch: Batch, labels: Tensor) -> Tensor:
        # Relations of the last layer, among all rows of the batch, whichever process has them.
        whole = self._group.gather_with_gradient(student[-1], len(batch.rows))
        loss = rkd(whole, self._bank.features(batch.rows, self._pooling)[-1])
        # Every process has the whole value, and its own part of the gradient.
        return loss - loss.detach() * (1 - 1 / self._group.size)

    def _codir(self, student: Tensor, batch: Batch, labels: Tensor) -> Tensor:
        teacher = self._bank.features(batch.local_rows, self._pooling)
        contrast = codir(student, teacher, *self._negatives(batch, labels), self._cdl.temperature)
        counted = self._group.gather(contrast.has_negative & batch.counts, len(batch.rows), dim=0)
        self._has_negative = counted
        return self._mean(contrast, torch.ones_like(contrast.loss), batch, counted)

    def _contrastive(self, student: Tensor, batch: Batch, labels: Tensor) -> Tensor:
        assert self.reweighting is not None  # noqa: S101 - made for this loss
        teacher = self._bank.features(batch.local_rows, self._pooling)
        contrast = cdl(student, teacher, *self._negatives(batch, labels), self._cdl.temperature)
        weights, counted = self.reweighting(contrast, student, teacher, batch)
        return self._mean(contrast, weights, batch, counted, self._layer_weights)

    def _negatives(self, batch: Batch, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the teacher's features [M, K, H] of the candidates, and which are negatives of which row, [B, K]."""
        rule = self._cdl.negatives
        # CoDIR has a memory of negatives, so that its candidates always come from the bank.
        if rule.source == "batch" and self._feature != "codir":
            others = batch.rows
        else:
            others = draw_rows(self._bank.rows, rule.count, derived_seed(self._seed, "negatives"), batch.step)
        index, other_index = (torch.from_numpy(rows).to(labels.device) for rows in (batch.local_rows, others))
        mask = negative_mask(
            self._problem_type,
            labels[index],
            labels[other_index],
            index,
            other_index,
            rule=rule.rule,
            gap=rule.regression_gap,
        )
        return self._bank.features(others, self._pooling), mask

    def _mean(
        self, contrast: Contrast, weights: Tensor, batch: Batch, counted: Tensor, layer_weights: Tensor | None = None
    ) -> Tensor:
        """Return this process's part of the weighted mean over the samples of the whole batch that have negatives."""
        own = contrast.has_negative & batch.counts
        loss = adaptive_mean(contrast.loss, weights, own, layer_weights)
        # adaptive_mean divides by this process's samples with negatives; the mean is over all processes' samples.
        return loss * own.sum().clamp(min=1) / counted.sum().clamp(min=1)


_LOSSES: dict[Feature, Callable[[FeatureLoss, Tensor, Batch, Tensor], Tensor]] = {
    "pkd": FeatureLoss._pkd,
    "rkd": FeatureLoss._rkd,
    "codir": FeatureLoss._codir,
    "cdl": FeatureLoss._contrastive,
}

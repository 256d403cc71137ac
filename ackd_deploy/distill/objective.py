"""The total loss of a batch: CE + KD + a feature loss, weighted sample by sample where SAR says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.checkpoint import load_optimizer, optimizer_tensors
from ackd_deploy.distill.codir import codir
from ackd_deploy.distill.contrastive import Contrast, adaptive_mean, cdl, draw_rows, negative_mask
from ackd_deploy.distill.features import StudentProjection, normalise, pool_layers
from ackd_deploy.distill.losses import kd_loss, task_loss
from ackd_deploy.distill.methods import Terms
from ackd_deploy.distill.pkd import pkd
from ackd_deploy.distill.reweight import DifficultyPredictor, predictor_loss, sample_weights
from ackd_deploy.distill.rkd import rkd
from ackd_deploy.distill.schedule import derived_seed
from ackd_deploy.distill.weight_log import HardestSamples, weight_statistics
from ackd_deploy.distill.world import World
from ackd_deploy.recipe.schema import Distill

__all__ = ["Batch", "Objective"]


@dataclass(frozen=True)
class Batch:
    """One step's rows.

    Attributes:
        step: from 0.
        share: of the training that lies behind, in [0, 1).
        rows: [N] global row ids of the whole batch, over all processes.
        mine: [B] those of this process.
        counts: whether this process's rows count; False where it only keeps the others company.
        attention_mask: [B, T], on the device.
    """

    step: int
    share: float
    rows: NDArray[np.int64]
    mine: NDArray[np.int64]
    counts: bool
    attention_mask: Tensor


class Objective(nn.Module):
    """The loss of one method, with what it learns beside the student: projections and SAR's predictor.

    Args:
        terms: what the loss is made of.
        labels: [N] or [N, C] of the training rows.
        problem_type: as in the recipe.
        distill: the recipe's section.
        seed: of this training.
        device: of the student.
        bank: the teacher's logits and features; None where the terms use none.
        student_width: of the student's hidden states.
        layers: student layers that are mapped: all of them, [M].
        world: the processes that train together.
    """

    def __init__(
        self,
        terms: Terms,
        labels: NDArray[Any],
        problem_type: str,
        distill: Distill,
        *,
        seed: int,
        device: torch.device,
        bank: TeacherBank | None = None,
        student_width: int = 0,
        layers: Sequence[int] = (),
        world: World | None = None,
    ) -> None:
        super().__init__()
        self.terms = terms
        self.needs_features = terms.feature != "none"
        self._problem = problem_type
        self._distill = distill
        self._seed = seed
        self._bank = bank
        self._layers = list(layers)
        self._world = world or World()
        self._labels = torch.from_numpy(np.ascontiguousarray(labels)).to(device)
        self._weigh: _Reweighting | None = None
        self.projection: StudentProjection | None = None
        if bank is None or not self.needs_features:
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "objective") % 2**63)
            if distill.cdl.projection or (student_width != bank.width and terms.feature != "rkd"):
                self.projection = StudentProjection(len(layers), student_width, bank.width).to(device)
            if terms.feature == "cdl":
                self._weigh = _Reweighting(terms.sar, distill, bank, len(layers), seed, device, self._world)
        weights = distill.cdl.layer_weights
        self._layer_weights = None if weights is None else torch.tensor(weights, device=device)

    def forward(self, outputs: Any, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss and their weighted sum ``loss``: scalars.

        Each is this process's part of the mean over the whole batch: their sum over processes is that mean.
        """
        index = torch.from_numpy(batch.mine).to(self._labels.device)
        part = len(batch.mine) / len(batch.rows) if batch.counts else 0.0
        found: dict[str, Tensor] = {}
        total = outputs.logits.new_zeros((), dtype=torch.float32)
        if self.terms.ce > 0:
            found["ce"] = part * task_loss(self._problem, outputs.logits, self._labels[index]).mean()
            total = total + self.terms.ce * found["ce"]
        if self._bank is not None and self.terms.kd > 0:
            teacher = self._bank.logits(batch.mine)
            losses = kd_loss(self._problem, outputs.logits, teacher, self._distill.kd_temperature)
            found["kd"] = part * losses.mean()
            total = total + self.terms.kd * found["kd"]
        if self._bank is not None and self.needs_features and self.terms.weight > 0:
            found[self.terms.feature] = self._feature_loss(outputs, batch, index, part)
            total = total + self.terms.weight * found[self.terms.feature]
        return {"loss": total, **found}

    def _feature_loss(self, outputs: Any, batch: Batch, index: Tensor, part: float) -> Tensor:
        assert self._bank is not None
        pooled = pool_layers(outputs.hidden_states, batch.attention_mask, self._layers, self.terms.pooling)
        if self.projection is not None:
            pooled = self.projection(pooled)
        student = normalise(pooled)
        teacher = self._bank.features(batch.mine, self.terms.pooling)
        if self.terms.feature == "pkd":
            return part * pkd(student, teacher).mean()
        if self.terms.feature == "rkd":
            # Relations of the last layer, inside this process's part of the batch.
            return part * rkd(student[-1], teacher[-1])
        others = self._candidates(batch)
        other_index = torch.from_numpy(others).to(index.device)
        rule = self._distill.cdl.negatives
        mask = negative_mask(
            self._problem,
            self._labels[index],
            self._labels[other_index],
            index,
            other_index,
            rule=rule.rule,
            gap=rule.regression_gap,
        )
        negatives = self._bank.features(others, self.terms.pooling)
        tau = self._distill.cdl.temperature
        if self.terms.feature == "codir":
            contrast = codir(student, teacher, negatives, mask, tau)
            mine = contrast.has_negative & batch.counts
            everyone = self._world.gather(mine, len(batch.rows), dim=0)
            uniform = torch.ones_like(contrast.loss)
            return adaptive_mean(contrast.loss, uniform, mine) * _part(mine, everyone)
        assert self._weigh is not None
        contrast = cdl(student, teacher, negatives, mask, tau)
        weights, everyone = self._weigh(contrast, student, teacher, batch)
        mine = contrast.has_negative & batch.counts
        return adaptive_mean(contrast.loss, weights, mine, self._layer_weights) * _part(mine, everyone)

    def _candidates(self, batch: Batch) -> NDArray[np.int64]:
        rule = self._distill.cdl.negatives
        if rule.source == "batch" and self.terms.feature != "codir":
            return batch.rows
        assert self._bank is not None
        return draw_rows(self._bank.rows, rule.count, derived_seed(self._seed, "negatives"), batch.step)

    def statistics(self) -> dict[str, float | None]:
        """Return SAR's figures of the last step; empty for other methods."""
        return self._weigh.statistics() if self._weigh else {}

    @property
    def hardest(self) -> HardestSamples | None:
        """Each training row's running mean weight, where SAR runs."""
        return self._weigh.hardest if self._weigh else None

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold beside the optimised parameters."""
        return self._weigh.state() if self._weigh else {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `state` returned."""
        if self._weigh:
            self._weigh.load_state(tensors)


def _part(mine: Tensor, everyone: Tensor) -> Tensor:
    """This process's share of the samples that have negatives."""
    return mine.sum().clamp(min=1) / everyone.sum().clamp(min=1)


class _Reweighting:
    """SAR at work: learns how hard samples are, and weighs those of the whole batch over all processes."""

    def __init__(
        self,
        mode: str,
        distill: Distill,
        bank: TeacherBank,
        layers: int,
        seed: int,
        device: torch.device,
        world: World,
    ) -> None:
        self._mode = mode
        self._sar = distill.sar
        self._seed = seed
        self._world = world
        self._last: tuple[Tensor, Contrast] | None = None
        self.hardest = HardestSamples(bank.rows, device)
        self.predictor: DifficultyPredictor | None = None
        if mode in ("predictor", "shuffled"):
            self.predictor = DifficultyPredictor(bank.width, layers, distill.sar.predictor_hidden).to(device)
            self._optimizer = torch.optim.Adam(self.predictor.parameters(), lr=distill.sar.predictor_learning_rate)

    def __call__(self, contrast: Contrast, student: Tensor, teacher: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return this process's [M, B] weights, and who of the whole batch has negatives."""
        total, world = len(batch.rows), self._world
        whole = Contrast(
            world.gather(contrast.loss, total, dim=-1),
            world.gather(contrast.share, total, dim=-1),
            world.gather(contrast.margin, total, dim=-1),
            world.gather(contrast.has_negative, total, dim=-1),
        )
        predicted = None
        if self.predictor is not None:
            # Every process trains the same predictor on the same rows: no gradients need to be exchanged.
            students, teachers = world.gather(student, total, dim=1), world.gather(teacher, total, dim=1)
            predicted = self._learn(students, teachers, whole)
        warm = batch.share < self._sar.warmup_share
        generator = torch.Generator().manual_seed(derived_seed(self._seed, "shuffle", batch.step))
        weights = sample_weights(
            "uniform" if warm else self._mode,
            whole,
            predicted=predicted,
            spread=self._sar.spread,
            gamma=self._sar.gamma,
            min_weight=self._sar.min_weight,
            max_weight=self._sar.max_weight,
            generator=generator,
        )
        self._last = (weights, whole)
        if not warm:
            self.hardest.update(torch.from_numpy(batch.rows), weights, whole.loss, whole.has_negative)
        mine = weights[..., world.rank :: world.size]
        # A process without rows of its own holds one for company; it has no weight.
        return (mine if batch.counts else torch.zeros_like(contrast.loss)), whole.has_negative

    def _learn(self, student: Tensor, teacher: Tensor, contrast: Contrast) -> Tensor:
        assert self.predictor is not None
        # The weights of this step come from before it is learned from: no sample sets its own weight.
        with torch.enable_grad(), torch.autocast(student.device.type, enabled=False):
            predicted: Tensor = self.predictor(student, teacher)
            self._optimizer.zero_grad(set_to_none=True)
            predictor_loss(predicted, contrast).backward()
            self._optimizer.step()
        return predicted.detach()

    def statistics(self) -> dict[str, float | None]:
        if self._last is None:
            return {}
        weights, contrast = self._last
        return weight_statistics(weights, contrast.loss, contrast.has_negative)

    def state(self) -> dict[str, Tensor]:
        found = {f"sar.hardest.{name}": value for name, value in self.hardest.state_dict().items()}
        if self.predictor is not None:
            found |= {f"sar.predictor.{name}": value for name, value in self.predictor.state_dict().items()}
            found |= optimizer_tensors(self._optimizer, "sar.optimizer")
        return found

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        def under(prefix: str) -> dict[str, Tensor]:
            return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

        self.hardest.load_state_dict(under("sar.hardest."))
        if self.predictor is not None:
            self.predictor.load_state_dict(under("sar.predictor."))
            load_optimizer(self._optimizer, tensors, "sar.optimizer")

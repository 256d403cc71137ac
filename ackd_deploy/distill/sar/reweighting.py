"""SAR in a training: predicts how hard samples are and weights them, over all processes that train together."""

from __future__ import annotations

import torch
from torch import Tensor

from ackd_deploy.distill.losses.contrastive import Contrast
from ackd_deploy.distill.sar.weight_log import HardestSamples, weight_statistics
from ackd_deploy.distill.sar.weights import DifficultyPredictor, predictor_loss, sample_weights
from ackd_deploy.recipe.sections import Sar
from ackd_deploy.training.batch_schedule import Batch
from ackd_deploy.training.checkpoint import load_optimizer, optimizer_tensors
from ackd_deploy.training.process_group import ProcessGroup
from ackd_deploy.training.schedule import derived_seed

__all__ = ["Reweighting"]


class Reweighting:
    """Weights the samples of each step's whole batch.

    Args:
        sar: the recipe's section.
        mode: SAR's mode; ``uniform`` for plain CDL, which has the same log.
        rows: of the training data, N.
        width: of the features, H.
        layers: mapped layers, M.
        seed: of this training; the caller seeds the predictor's initial weights.
        device: of the student.
        process_group: the processes that train together.
    """

    def __init__(
        self,
        sar: Sar,
        mode: str,
        *,
        rows: int,
        width: int,
        layers: int,
        seed: int,
        device: torch.device,
        process_group: ProcessGroup,
    ) -> None:
        self._sar = sar
        self._mode = mode
        self._seed = seed
        self._group = process_group
        self._last: tuple[Tensor, Contrast] | None = None
        self.hardest = HardestSamples(rows, device)
        self._learner: _Learner | None = None
        if mode in ("predictor", "shuffled"):
            self._learner = _Learner(DifficultyPredictor(width, layers, sar.predictor_hidden).to(device), sar)

    def __call__(self, contrast: Contrast, student: Tensor, teacher: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the weights of one batch.

        Args:
            contrast: of this process's samples.
            student: [M, B, H] their unit features.
            teacher: [M, B, H] the teacher's.
            batch: which rows they are.

        Returns:
            This process's weights [M, B], and which of the whole batch have negatives, [N].
        """
        total, group = len(batch.rows), self._group
        whole = Contrast(*(group.gather(values, total, dim=-1) for values in contrast))
        predicted = None
        if self._learner is not None:
            # Every process trains the same predictor on the same rows: no gradients need to be exchanged.
            students, teachers = (group.gather(features, total, dim=1) for features in (student, teacher))
            predicted = self._learner.predict_and_learn(students, teachers, whole)
        warm = batch.progress < self._sar.warmup_ratio
        weights = sample_weights(
            "uniform" if warm else self._mode,
            whole,
            predicted=predicted,
            temperature=self._sar.temperature,
            gamma=self._sar.gamma,
            min_weight=self._sar.min_weight,
            max_weight=self._sar.max_weight,
            generator=torch.Generator().manual_seed(derived_seed(self._seed, "shuffle", batch.step)),
        )
        self._last = (weights, whole)
        if not warm:
            self.hardest.update(torch.from_numpy(batch.rows), weights, whole.loss, whole.has_negative)
        # The placeholder row of a process without rows of its own has no weight.
        own = weights[..., group.rank :: group.size] if batch.counts else torch.zeros_like(contrast.loss)
        return own, whole.has_negative

    def statistics(self) -> dict[str, float | None]:
        """Return the figures of the last step's weights."""
        if self._last is None:
            return {}
        weights, contrast = self._last
        return weight_statistics(weights, contrast.loss, contrast.has_negative)

    def state(self) -> dict[str, Tensor]:
        """Return named tensors for a checkpoint."""
        found = {f"sar.hardest.{name}": value for name, value in self.hardest.state_dict().items()}
        return found | (self._learner.state() if self._learner else {})

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `state` returned."""
        self.hardest.load_state_dict(_under("sar.hardest.", tensors))
        if self._learner is not None:
            self._learner.load_state(tensors)


class _Learner:
    """The predictor with its own optimizer: it is trained to predict the margin, never on the weighted loss."""

    def __init__(self, predictor: DifficultyPredictor, sar: Sar) -> None:
        self._predictor = predictor
        self._optimizer = torch.optim.Adam(predictor.parameters(), lr=sar.predictor_learning_rate)

    def predict_and_learn(self, student: Tensor, teacher: Tensor, contrast: Contrast) -> Tensor:
        # The prediction is made before the predictor learns from this step: no sample decides its own weight.
        with torch.enable_grad(), torch.autocast(student.device.type, enabled=False):
            predicted: Tensor = self._predictor(student, teacher)
            self._optimizer.zero_grad(set_to_none=True)
            predictor_loss(predicted, contrast).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        return predicted.detach()

    def state(self) -> dict[str, Tensor]:
        weights = {f"sar.predictor.{name}": value for name, value in self._predictor.state_dict().items()}
        return weights | optimizer_tensors(self._optimizer, "sar.optimizer")

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self._predictor.load_state_dict(_under("sar.predictor.", tensors))
        load_optimizer(self._optimizer, tensors, "sar.optimizer")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

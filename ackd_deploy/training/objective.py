"""What the training loop needs of a loss: the loop knows this interface and no loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from ackd_deploy.training.batch_schedule import Batch

__all__ = ["Objective"]


class Objective(nn.Module, ABC):
    """A loss. Its own parameters, if any, are trained and saved with the model's."""

    @property
    @abstractmethod
    def needs_hidden_states(self) -> bool:
        """Whether the model must return the hidden states of all layers."""

    @abstractmethod
    def forward(self, outputs: Any, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted sum ``loss`` and each loss by name: scalars.

        Each is this process's part of the mean over the whole batch: their sum over processes is that mean.

        Args:
            outputs: of the model: ``logits`` [B, C] and, where asked for, ``hidden_states``.
            batch: this step's rows.
        """

    def statistics(self) -> dict[str, float | None]:
        """Return figures of the last step for the log."""
        return {}

    def extra_tensors(self) -> dict[str, Tensor]:
        """Return further tensors that a checkpoint must hold, apart from the optimized parameters."""
        return {}

    def load_extra_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `extra_tensors` returned."""

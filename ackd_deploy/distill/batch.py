"""One step's rows, as the objective needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ackd_deploy.data.batches import bucketed_batches

__all__ = ["Batch", "Plan"]


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


class Plan:
    """Which rows each step trains on: a pure function of lengths, batch size, seed and step.

    Args:
        lengths: [N] tokens of each row.
        batch_size: rows of the whole batch.
        seed: of the training.
    """

    def __init__(self, lengths: NDArray[Any], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._size = batch_size
        self._seed = seed
        self._per_epoch = -(-len(lengths) // batch_size)
        self._epoch = -1
        self._batches: list[NDArray[np.int64]] = []

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the global row ids of one step's whole batch."""
        epoch, index = divmod(step, self._per_epoch)
        if epoch != self._epoch:
            self._batches = bucketed_batches(self._lengths, self._size, seed=self._seed, epoch=epoch)
            self._epoch = epoch
        return self._batches[index]

    def samples(self, steps: int) -> int:
        """Return how many rows the first ``steps`` steps train on."""
        epochs, rest = divmod(steps, self._per_epoch)
        return epochs * len(self._lengths) + sum(len(rows) for rows in self._part(epochs, rest))

    def _part(self, epoch: int, steps: int) -> Iterator[NDArray[np.int64]]:
        return (self.rows(epoch * self._per_epoch + step) for step in range(steps))

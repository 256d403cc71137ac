"""Which rows each step trains on, and one step's rows as the objective needs them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ackd_deploy.data.batches import bucketed_batches

__all__ = ["Batch", "BatchSchedule"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One step's rows.

    Attributes:
        step: from 0.
        progress: share of the steps that are done, in [0, 1).
        rows: [N] row ids of the whole batch, over all processes.
        local_rows: [B] those of this process.
        counts: False where this process has no rows in the batch, and ``local_rows`` is one of another's.
        attention_mask: [V, T], on the device: of the V windows that the B rows have, or of the rows themselves.
        owners: [V], the place in ``local_rows`` of each window's row; None where every row is one window.
    """

    step: int
    progress: float
    rows: NDArray[np.int64]
    local_rows: NDArray[np.int64]
    counts: bool
    attention_mask: Tensor
    owners: Tensor | None = None

    @property
    def fraction(self) -> float:
        """This process's rows over the whole batch's: its part in a mean over rows."""
        return len(self.local_rows) / len(self.rows) if self.counts else 0.0


class BatchSchedule:
    """Which rows each step trains on: a pure function of lengths, sizes, seed and step.

    Args:
        lengths: [N] tokens of each row.
        batch_size: rows of the whole batch, at most.
        seed: of the training.
        max_tokens: padded tokens of the whole batch, at most; larger batches are split, so that epochs then have
            more steps, and not all the same number.
    """

    def __init__(self, lengths: NDArray[Any], batch_size: int, seed: int, max_tokens: int | None = None) -> None:
        self._lengths = lengths
        self._size = batch_size
        self._seed = seed
        self._max_tokens = max_tokens
        self._first = [0]  # the first step of each epoch counted so far
        self._epoch = -1
        self._batches: list[NDArray[np.int64]] = []

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the global row ids of one step's whole batch."""
        while self._first[-1] <= step:
            self._measure_next()
        epoch = bisect_right(self._first, step) - 1
        return self._epoch_batches(epoch)[step - self._first[epoch]]

    def steps(self, epochs: float) -> int:
        """Return the number of steps of whole or part epochs: at least one, whole batches."""
        whole = int(epochs)
        while len(self._first) < whole + 2:
            self._measure_next()
        return max(1, self._first[whole] + round((epochs - whole) * (self._first[whole + 1] - self._first[whole])))

    def samples(self, steps: int) -> int:
        """Return how many rows the first ``steps`` steps train on."""
        while self._first[-1] < steps:
            self._measure_next()
        epochs = bisect_right(self._first, steps) - 1
        rest = range(self._first[epochs], steps)
        return epochs * len(self._lengths) + sum(len(self.rows(step)) for step in rest)

    def _measure_next(self) -> None:
        epoch = len(self._first) - 1
        # Without a limit of tokens the number follows from the rows; nothing needs to be batched.
        count = -(-len(self._lengths) // self._size) if self._max_tokens is None else len(self._epoch_batches(epoch))
        self._first.append(self._first[epoch] + count)

    def _epoch_batches(self, epoch: int) -> list[NDArray[np.int64]]:
        if epoch != self._epoch:
            self._batches = bucketed_batches(
                self._lengths, self._size, seed=self._seed, epoch=epoch, max_tokens=self._max_tokens
            )
            self._epoch = epoch
        return self._batches

"""Stops a training whose loss or gradient is no longer finite, with the step, the rows and the learning rate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd_deploy.errors import TrainingDiverged

__all__ = ["DivergenceMonitor"]


class DivergenceMonitor:
    """Finds losses that are NaN or infinite: at once on the CPU, at each log line on a GPU, where looking waits."""

    def __init__(self, device: torch.device) -> None:
        self._at_once = device.type == "cpu"
        self._seen: list[tuple[int, NDArray[np.int64], float, Tensor, Tensor]] = []

    def record(self, step: int, rows: NDArray[np.int64], rate: float, loss: Tensor, norm: Tensor) -> None:
        """Record a step's loss and gradient norm, scalars on the device."""
        self._seen.append((step, rows, rate, loss, norm))
        if self._at_once:
            self.check()

    def check(self) -> None:
        """Check what was recorded since the last call.

        Raises:
            TrainingDiverged: with the first such step, its learning rate and rows.
        """
        seen, self._seen = self._seen, []
        if not seen or bool(torch.stack([entry[3] + entry[4] for entry in seen]).isfinite().all()):
            return
        for step, rows, rate, loss, norm in seen:
            if not bool((loss + norm).isfinite()):
                what = f"the loss is {loss.item()}" if not bool(loss.isfinite()) else f"the gradient is {norm.item()}"
                raise TrainingDiverged(
                    f"training diverged: {what} at step {step + 1}, learning rate {rate:.3g}, "
                    f"training rows {', '.join(map(str, rows[:64].tolist()))}",
                    hint="lower the learning rate, or use --set distill.precision=fp32; check those rows too",
                )

"""Means of losses and gradient norms between two log lines."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from ackd_deploy.training.process_group import ProcessGroup

__all__ = ["LogWindow"]

# Of the summed gradient, and so the same in all processes; the losses are parts of a mean over all of them.
_SAME_EVERYWHERE = ("grad_norm", "clip_rate")


class LogWindow:
    """Sums since the last log line, on the device, so that no step waits for a copy."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._clipped: Tensor | float = 0.0
        self._steps = 0
        self._rows = 0
        self._since = time.perf_counter()
        self.last: dict[str, float | None] = {}

    def add(self, losses: dict[str, Tensor], norm: Tensor, max_norm: float, rows: int) -> None:
        """Add one step: its losses by name, the gradient's norm before clipping to ``max_norm``, the batch's rows."""
        for name, value in (*losses.items(), ("grad_norm", norm)):
            before = self._sums.get(name)
            self._sums[name] = value.detach().double() if before is None else before + value.detach()
        clipped = (norm > max_norm).double()
        self._sums["clip_rate"] = self._sums["clip_rate"] + clipped if "clip_rate" in self._sums else clipped
        self._clipped = self._clipped + clipped
        self._steps += 1
        self._rows += rows

    def close(self, process_group: ProcessGroup, rate: float, extra: dict[str, float | None]) -> dict[str, Any]:
        """Return the fields of a log line, and start the next window."""
        means = {
            k: float(v if k in _SAME_EVERYWHERE else process_group.sum(v)) / self._steps for k, v in self._sums.items()
        }
        self.last = {**means, **extra}
        now = time.perf_counter()
        fields = {**self.last, "learning_rate": rate, "samples_per_second": self._rows / (now - self._since)}
        self._sums, self._steps, self._rows, self._since = {}, 0, 0, now
        return fields

    def clip_rate(self, steps: int) -> float:
        """Return the share of all steps whose gradient was clipped."""
        return float(self._clipped) / steps

    def state(self, process_group: ProcessGroup) -> dict[str, Tensor]:
        """Return named tensors for a checkpoint: sums over all processes; every process must call this."""
        counts = torch.tensor([float(self._clipped), float(self._steps)], dtype=torch.float64)
        whole = {k: v if k in _SAME_EVERYWHERE else process_group.sum(v) for k, v in self._sums.items()}
        return {"window.counts": counts, **{f"window.sum.{k}": v for k, v in whole.items()}}

    def load(self, tensors: dict[str, Tensor], device: torch.device, *, first: bool = True) -> None:
        """Restore what `state` returned; its sums are over all processes and count in the first one only."""
        self._clipped, self._steps = float(tensors["window.counts"][0]), int(tensors["window.counts"][1])
        prefix = "window.sum."
        factor = 1.0 if first else 0.0
        self._sums = {k.removeprefix(prefix): factor * v.to(device) for k, v in tensors.items() if k.startswith(prefix)}

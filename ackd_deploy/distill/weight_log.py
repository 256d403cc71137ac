"""What SAR does, in figures: the spread of its weights, and the sentences that it finds hardest."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["HardSample", "HardestSamples", "weight_statistics"]


def weight_statistics(weights: Tensor, loss: Tensor, has_negative: Tensor) -> dict[str, float | None]:
    """Figures for the log, over the samples that have negatives; each is the mean over the layers.

    - ``mean``: mean(w), which is 1 unless something is broken.
    - ``largest``: max(w).
    - ``correlation``: Pearson's corr(w, l), above 0 where weight lies on hard samples; None where either is constant.
    - ``effective``: effective sample size (Σw)²/Σw², in samples; ``effective_share`` is that over their number.
    - ``without_negative``: samples that had none and were left out.

    With no sample left, all but the count are None.

    Args:
        weights: [B] or [M, B].
        loss: the same shape.
        has_negative: [B] bool.
    """
    without = float((~has_negative).sum().item())
    if without == has_negative.numel():
        names = ("mean", "largest", "correlation", "effective", "effective_share")
        return {**dict.fromkeys(names), "without_negative": without}
    w = torch.atleast_2d(weights.detach().double()[..., has_negative])
    losses = torch.atleast_2d(loss.detach().double()[..., has_negative])
    effective = float((w.sum(1).square() / w.square().sum(1)).mean())
    return {
        "mean": float(w.mean()),
        "largest": float(w.amax(1).mean()),
        "correlation": _correlation(w, losses),
        "effective": effective,
        "effective_share": effective / w.shape[1],
        "without_negative": without,
    }


def _correlation(first: Tensor, second: Tensor) -> float | None:
    """Pearson's correlation of each row, averaged over the rows where neither side is constant."""
    first = first - first.mean(1, keepdim=True)
    second = second - second.mean(1, keepdim=True)
    lengths = first.norm(dim=1) * second.norm(dim=1)
    # A constant row leaves only float32's rounding behind.
    varied = (first.abs().amax(1) > 1e-6) & (second.abs().amax(1) > 1e-6)
    if not bool(varied.any()):
        return None
    return float(((first * second).sum(1)[varied] / lengths[varied]).mean())


class HardSample(NamedTuple):
    """A training row, its mean weight over the steps in which it was weighed, and their number."""

    row: int
    weight: float
    times: int


class HardestSamples:
    """The running mean of each training row's SAR weight: 12 bytes a row, on the device of the training.

    Two of them, from two processes or two parts of a run, add up by :meth:`merge`.
    """

    def __init__(self, rows: int, device: torch.device | str = "cpu") -> None:
        self._total = torch.zeros(rows, dtype=torch.float64, device=device)
        self._times = torch.zeros(rows, dtype=torch.int32, device=device)

    def update(self, rows: Tensor, weights: Tensor, has_negative: Tensor) -> None:
        """Count one batch, without waiting for the device.

        Args:
            rows: [B] global row ids.
            weights: [B] or [M, B]; layers are averaged.
            has_negative: [B] bool; the others were not weighed.
        """
        device = self._total.device
        index = rows.detach().to(device, torch.int64)
        weighed = has_negative.to(device)
        values = weights.detach().to(device).double().reshape(-1, weights.shape[-1]).mean(0)
        self._total.index_add_(0, index, torch.where(weighed, values, 0.0))
        self._times.index_add_(0, index, weighed.to(torch.int32))

    def merge(self, other: HardestSamples) -> None:
        """Add what another has counted over the same rows."""
        if other._total.shape != self._total.shape:
            raise ValueError(f"{other._total.numel()} rows cannot be merged into {self._total.numel()}")
        self._total += other._total.to(self._total.device)
        self._times += other._times.to(self._times.device)

    def hardest(self, count: int) -> list[HardSample]:
        """The ``count`` rows with the largest mean weight, hardest first; equal ones by row."""
        total, times = self._total.cpu(), self._times.cpu()
        seen = torch.nonzero(times > 0).squeeze(1)
        means = total[seen] / times[seen]
        order = torch.argsort(means, descending=True, stable=True)[:count]
        return [
            HardSample(int(row), float(mean), int(times[row]))
            for row, mean in zip(seen[order].tolist(), means[order].tolist(), strict=True)
        ]

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors for a checkpoint: ``total`` [N] float64 and ``times`` [N] int32."""
        return {"total": self._total.cpu().clone(), "times": self._times.cpu().clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a checkpoint's state.

        Raises:
            ValueError: where it is of another number of rows.
        """
        if any(state[name].shape != self._total.shape for name in ("total", "times")):
            raise ValueError(f"the state is not one of {self._total.numel()} rows")
        self._total.copy_(state["total"])
        self._times.copy_(state["times"])

"""Statistics of SAR's weights, and the training rows that it finds hardest."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

__all__ = ["HardSample", "HardestSamples", "weight_statistics"]

_NAMES = ("weight", "loss", "times")


def weight_statistics(weights: Tensor, loss: Tensor, has_negative: Tensor) -> dict[str, float | None]:
    """Figures for the log, over the samples that have negatives; each is the mean over the layers.

    - ``mean``: mean(w), which must be 1.
    - ``largest``: max(w).
    - ``correlation``: Pearson's corr(w, l), above 0 where hard samples have more weight; None where either is constant.
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
    layers = 1 if weights.ndim == 1 else weights.shape[0]
    w = weights.detach().double()[..., has_negative].reshape(layers, -1)
    losses = loss.detach().double()[..., has_negative].reshape(layers, -1)
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
    # A constant row has only float32's rounding errors.
    varied = (first.abs().amax(1) > 1e-6) & (second.abs().amax(1) > 1e-6)
    if not bool(varied.any()):
        return None
    return float(((first * second).sum(1)[varied] / lengths[varied]).mean())


class HardSample(NamedTuple):
    """A training row, its mean weight and loss over the steps in which it was weighted, and their number."""

    row: int
    weight: float
    loss: float
    times: int


class HardestSamples:
    """The running means of each training row's SAR weight and contrastive loss: 20 bytes a row, on the device.

    The weight says what SAR attended to. The loss finds wrong labels better: the predictor sees features and no label,
    so that it cannot distinguish a mislabeled row from its well-labeled neighbors, and the loss can.

    Two of them, from two processes or two parts of a run, add up by :meth:`merge`.
    """

    def __init__(self, rows: int, device: torch.device | str = "cpu") -> None:
        self._weight = torch.zeros(rows, dtype=torch.float64, device=device)
        self._loss = torch.zeros(rows, dtype=torch.float64, device=device)
        self._times = torch.zeros(rows, dtype=torch.int32, device=device)

    def update(self, rows: Tensor, weights: Tensor, loss: Tensor, has_negative: Tensor) -> None:
        """Count one batch, without waiting for the device.

        Args:
            rows: [B] global row ids.
            weights: [B] or [M, B]; layers are averaged.
            loss: the same shape.
            has_negative: [B] bool; the others were not weighted.
        """
        device = self._times.device
        index = rows.detach().to(device, torch.int64)
        weighted = has_negative.to(device)
        for sums, values in ((self._weight, weights), (self._loss, loss)):
            mean = values.detach().to(device).double().reshape(-1, values.shape[-1]).mean(0)
            sums.index_add_(0, index, torch.where(weighted, mean, 0.0))
        self._times.index_add_(0, index, weighted.to(torch.int32))

    def merge(self, other: HardestSamples) -> None:
        """Add what another has counted over the same rows."""
        if other._times.shape != self._times.shape:
            raise ValueError(f"{other._times.numel()} rows cannot be merged into {self._times.numel()}")
        for ours, theirs in zip(self._sums(), other._sums(), strict=True):
            ours += theirs.to(ours.device)

    def hardest(self, count: int, by: Literal["weight", "loss"] = "weight") -> list[HardSample]:
        """The ``count`` rows with the largest mean weight or loss, hardest first; equal ones by row."""
        weight, loss, times = (sums.cpu() for sums in self._sums())
        seen = torch.nonzero(times > 0).squeeze(1)
        means = {"weight": weight[seen] / times[seen], "loss": loss[seen] / times[seen]}
        order = torch.argsort(means[by], descending=True, stable=True)[:count]
        columns = (seen, means["weight"], means["loss"], times[seen])
        return [HardSample(*row) for row in zip(*(column[order].tolist() for column in columns), strict=True)]

    def _sums(self) -> tuple[Tensor, Tensor, Tensor]:
        return self._weight, self._loss, self._times

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors for a checkpoint: ``weight`` and ``loss`` [N] float64 sums, ``times`` [N] int32."""
        return {name: sums.cpu().clone() for name, sums in zip(_NAMES, self._sums(), strict=True)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a checkpoint's state.

        Raises:
            ValueError: it is not such a state, or has another number of rows.
        """
        if any(name not in state or state[name].shape != self._times.shape for name in _NAMES):
            raise ValueError(f"this is not the state of {self._times.numel()} rows")
        for name, sums in zip(_NAMES, self._sums(), strict=True):
            sums.copy_(state[name])

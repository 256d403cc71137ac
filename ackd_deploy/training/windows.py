"""From windows to the texts that they are of: what a model gives for a text is the mean over its windows."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["mean_of_windows"]


def mean_of_windows(values: Tensor, owners: Tensor | None, rows: int, *, dim: int = 0) -> Tensor:
    """Return the mean over the windows of each row, in float32 or better; ``values`` as they are without owners.

    Args:
        values: V entries along ``dim``, one for each window.
        owners: [V] int64, the row of each window, on the same device; None where every row is one window.
        rows: B, each with at least one window.
        dim: of the windows; of the rows in the result.
    """
    if owners is None:
        return values
    if values.dtype in (torch.float16, torch.bfloat16):
        values = values.float()
    shape = list(values.shape)
    shape[dim] = rows
    sums = values.new_zeros(shape).index_add(dim, owners, values)
    counts = torch.bincount(owners, minlength=rows).to(values.dtype)
    return sums / counts.reshape([rows if axis == dim % values.ndim else 1 for axis in range(values.ndim)])

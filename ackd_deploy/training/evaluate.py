"""Logits of a classifier over a whole data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ackd_deploy.data.batches import sorted_batches
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.training.device import autocast
from ackd_deploy.training.windows import mean_of_windows

__all__ = ["owners_of", "predict_logits", "to_device"]


def to_device(batch: dict[str, NDArray[np.int64]], device: torch.device) -> dict[str, torch.Tensor]:
    """Return a batch of token ids as tensors on the device; the copy overlaps with computation there."""
    tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
    if device.type == "cuda":
        return {name: t.pin_memory().to(device, non_blocking=True) for name, t in tensors.items()}
    return tensors


def owners_of(encoded: Encoded, rows: NDArray[np.int64], device: torch.device) -> torch.Tensor | None:
    """Return the place in ``rows`` of each window's row, [V], on the device; None where every row is one window."""
    _, owners = encoded.windows(rows)
    return None if owners is None else torch.from_numpy(owners).to(device, non_blocking=True)


def predict_logits(
    model: Any,
    encoded: Encoded,
    device: torch.device,
    *,
    dtype: torch.dtype = torch.float32,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Return the logits of every row.

    Args:
        model: classifier; put in eval mode and left there.
        encoded: N rows.
        device: where to compute.
        dtype: of the matrix products; metrics in tables are computed in float32.
        batch_size: rows at a time.

    Returns:
        [N, C] float32, in the order of the rows; of a row with several windows their mean.
    """
    model.to(device).eval()
    found = np.zeros((len(encoded), len(encoded.label_names)), dtype=np.float32)
    with torch.inference_mode(), autocast(device, dtype):
        for rows in sorted_batches(encoded.lengths, batch_size, max_tokens=encoded.most_tokens(batch_size)):
            logits = model(**to_device(encoded.batch(rows), device)).logits
            found[rows] = mean_of_windows(logits.float(), owners_of(encoded, rows, device), len(rows)).cpu().numpy()
    return found

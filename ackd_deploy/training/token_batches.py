"""Batches of token ids on the device, gathered there where all ids fit into its memory."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd_deploy.data.encoded import Encoded
from ackd_deploy.training.evaluate import owners_of, to_device

__all__ = ["TokenBatches"]

# The rest of the free memory is for the model, its activations and the teacher bank.
_FRACTION = 0.1


class TokenBatches:
    """The rows of a data set as batches of tensors.

    On a GPU the token ids of all rows are copied there once, if they take less than a tenth of its free memory, and
    each batch is gathered there: no step waits for a copy. Otherwise batches come from the mapped file.

    Args:
        encoded: N rows.
        device: of the batches.
        resident: whether to copy all ids to the device; None: as described above.
    """

    def __init__(self, encoded: Encoded, device: torch.device, *, resident: bool | None = None) -> None:
        self._encoded = encoded
        self._device = device
        if resident is None:
            size = encoded.total_tokens * (4 if encoded.types is None else 5)
            resident = device.type == "cuda" and size < _FRACTION * torch.cuda.mem_get_info(device)[0]
        self._ids = torch.from_numpy(np.array(encoded.ids)).to(device) if resident else None
        types = encoded.types
        self._types = torch.from_numpy(np.array(types)).to(device) if resident and types is not None else None

    def owners(self, rows: NDArray[np.int64]) -> Tensor | None:
        """Return the place in ``rows`` of each window's row, [V], on the device; None where every row is one."""
        return owners_of(self._encoded, rows, self._device)

    def batch(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return rows padded to the longest of them, as `Encoded.batch` does: [V, T] int64 each."""
        if self._ids is None:
            return to_device(self._encoded.batch(rows), self._device)
        windows, _ = self._encoded.windows(rows)
        # The longest one is known on the host, so that the host does not wait for the device.
        longest = int(self._encoded.window_lengths[windows].max(initial=0))
        bounds = np.stack([self._encoded.starts[windows], self._encoded.starts[windows + 1]])
        starts, ends = torch.from_numpy(bounds).to(self._device, non_blocking=True)
        places = starts[:, None] + torch.arange(longest, device=self._device)
        mask = places < ends[:, None]
        places = places.clamp(max=max(0, len(self._ids) - 1))
        batch = {
            "input_ids": torch.where(mask, self._ids[places].long(), self._encoded.pad_id),
            "attention_mask": mask.long(),
        }
        if self._encoded.has_token_types:
            zeros = torch.zeros_like(batch["input_ids"])
            batch["token_type_ids"] = zeros if self._types is None else torch.where(mask, self._types[places].long(), 0)
        return batch

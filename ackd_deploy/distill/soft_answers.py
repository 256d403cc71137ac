"""The answers of a teacher that is no local model: the soft labels of the training rows, in the place of logits."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ackd_deploy.data.labels.soft import has_soft_label
from ackd_deploy.tasks import Task

__all__ = ["SoftAnswers"]

# A share of 0 is logit −∞; what rounds to 0 is less sure than that.
_SMALLEST = 1e-6


class SoftAnswers:
    """Logits whose scores are the soft labels: z = log p, or log p − log(1 − p) of each label of a multi-label task.

    Then softmax(z/T) is p^(1/T), normalized, as it would be of the logits that p was made from: a softmax forgets what
    all logits of a row have in common. Shares nearer to 0 (of a multi-label task, to 1) than 1e-6 count as 1e-6.

    Args:
        soft: [N, C] of the training rows, NaN in rows that have none.
        task: with classes.
        device: of the student.
    """

    def __init__(self, soft: NDArray[np.float32], task: Task, device: torch.device) -> None:
        answered = has_soft_label(soft)
        shares = np.clip(np.where(answered[:, None], soft, 0.5).astype(np.float64), _SMALLEST, 1 - _SMALLEST)
        logits = np.log(shares) if task.exclusive else np.log(shares) - np.log1p(-shares)
        self._logits = torch.from_numpy(logits.astype(np.float32)).to(device)
        self._answered = torch.from_numpy(answered).to(device)

    def logits(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return [B, C] float32 logits, on the device; of a row without soft labels any."""
        return self._logits[torch.from_numpy(rows).to(self._logits.device)]

    def answered(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return [B] bool: which rows have soft labels, on the device."""
        return self._answered[torch.from_numpy(rows).to(self._logits.device)]

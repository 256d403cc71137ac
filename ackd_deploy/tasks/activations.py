"""Logits to probabilities, in float64 and without overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["sigmoid", "softmax"]


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return softmax(z / T) of logits [N, C], shifted by the row's maximum against overflow."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-z / T)) of logits of any shape."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    # exp of a negative number alone: neither side can overflow.
    small = np.exp(-np.abs(scaled))
    return np.where(scaled >= 0, 1 / (1 + small), small / (1 + small))

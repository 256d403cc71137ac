"""How far the probabilities of a single-label classifier can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bin", "calibration_bins", "expected_calibration_error", "fit_temperature"]

Array = NDArray[Any]
_BINS = 15


@dataclass(frozen=True)
class Bin:
    """The rows whose confidence lies in one of the equal bins: their number, mean confidence and accuracy."""

    rows: int
    confidence: float
    accuracy: float


def calibration_bins(probabilities: Array, labels: Array, bins: int = _BINS) -> list[Bin]:
    """Return the bins that hold rows, lowest first, of probabilities [N, C] and labels [N]."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for b in range(bins)
        if (inside := index == b).any()
    ]


def expected_calibration_error(probabilities: Array, labels: Array, bins: int = _BINS) -> float:
    """ECE of probabilities [N, C] against labels [N]: mean gap of confidence and accuracy over equal bins.

        ECE = sum over bins of (rows in bin / N) * |accuracy of bin - mean confidence of bin|

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    found = calibration_bins(probabilities, labels, bins)
    return sum(b.rows * abs(b.accuracy - b.confidence) for b in found) / len(labels)


def fit_temperature(logits: Array, labels: Array) -> float:
    """The T in [0.05, 20] that minimizes the cross-entropy of softmax(logits / T) on labels [N].

    One scalar cannot change a label, so accuracy stays; it must be fitted on rows that no gate is decided on.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        scaled = np.asarray(logits, dtype=np.float64) / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, labels]))

    found = minimize_scalar(cross_entropy, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))

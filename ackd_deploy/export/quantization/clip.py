"""Percentile clipping: ranges of activations that leave out their few most extreme values.

One 8-bit scale over minimum and maximum spends its steps on the largest value ever seen. Where that is an outlier of a
few texts, cutting it off costs these texts little and gives all others finer steps. What SmoothQuant mends is another
thing: channels that are large in every text.

ONNX Runtime's own percentile calibrator stacks what it collected, and fails on texts of unequal length; padded alike,
values at padding would be counted as if they mattered. Here each text is run as it is, and counted into a histogram.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ackd_deploy.export.quantization.smooth import Feeds, activations

__all__ = ["Ranges", "clipped_ranges"]

# Lowest and highest value of an activation, by name.
Ranges = dict[str, tuple[float, float]]

# Sixteen for each step of 8 bits: finer would not show.
_BINS = 4096


def clipped_ranges(model: object, feeds: Feeds, shares: Sequence[float]) -> list[Ranges]:
    """Return, for each share, the ranges of all activations that meet a constant weight.

    Args:
        model: fp32 ONNX model.
        feeds: calibration texts; every value of every text counts alike.
        shares: of an activation's values that may lie outside, half of them at either end; in [0, 1).
    """
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    for values in activations(model, feeds):
        for name, value in values.items():
            lowest[name] = min(lowest.get(name, np.inf), float(value.min()))
            highest[name] = max(highest.get(name, -np.inf), float(value.max()))
    counts = {name: np.zeros(_BINS, dtype=np.int64) for name in lowest}
    for values in activations(model, feeds):
        for name, value in values.items():
            counts[name] += np.histogram(value, _BINS, (lowest[name], highest[name]))[0]
    return [{name: _cut(counts[name], lowest[name], highest[name], share) for name in counts} for share in shares]


def _cut(counts: npt.NDArray[np.int64], low: float, high: float, share: float) -> tuple[float, float]:
    """Return the narrowest edges of bins that leave at most half the share outside at either end."""
    edges = np.linspace(low, high, len(counts) + 1)
    outside = 0.5 * share * counts.sum()
    left = int(np.searchsorted(np.cumsum(counts), outside, side="right"))
    right = len(counts) - int(np.searchsorted(np.cumsum(counts[::-1]), outside, side="right"))
    return float(edges[left]), float(edges[right])

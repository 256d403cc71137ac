"""Scores from which labels apply, where the largest score or 1/2 is not what decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metric_names import CLASS_F1

__all__ = ["Thresholds", "positive_class"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Thresholds:
    """Decision thresholds on scores as callers see them: after the temperature, and after softmax or sigmoid.

    A score of just the threshold counts. Scores are float32 and thresholds float64, compared in float64, so that
    whoever reads both from JSON decides the same.

    Attributes:
        values: one for each label of a multi-label task; one, of the positive class, for two classes.
        positive: index of that class; None for multi-label tasks.
        temperature: that the logits were divided by.
    """

    values: tuple[float, ...]
    positive: int | None = None
    temperature: float = 1.0

    @classmethod
    def of(cls, by_label: Mapping[str, float], label_names: Sequence[str], temperature: float) -> Thresholds:
        """Return those of an artifact: a score for each label, or for the positive one of two classes."""
        if set(by_label) == set(label_names):
            return cls(tuple(by_label[name] for name in label_names), None, temperature)
        ((name, value),) = by_label.items()
        return cls((value,), list(label_names).index(name), temperature)

    def by_label(self, label_names: Sequence[str]) -> dict[str, float]:
        """Return them by label name; the inverse of `of`."""
        names = label_names if self.positive is None else [label_names[self.positive]]
        return dict(zip(names, self.values, strict=True))

    def reached(self, scores: Array) -> NDArray[np.bool_]:
        """Return where scores [N, C] reach their thresholds: [N, C], or [N] of the positive class."""
        wide = np.asarray(scores, dtype=np.float64)
        if self.positive is None:
            return np.asarray(wide >= np.array(self.values))
        return np.asarray(wide[:, self.positive] >= self.values[0])


def positive_class(metric: str, label_names: Sequence[str]) -> int:
    """Return the index of the positive one of two classes: the one that ``f1:CLASS`` names, else the second."""
    name = metric.removeprefix(CLASS_F1)
    return list(label_names).index(name) if name != metric else 1

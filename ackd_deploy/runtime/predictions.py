"""Scores to predictions: labels by name. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ackd_deploy.tasks import Task

__all__ = ["Prediction", "decide"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    ``scores`` are probabilities by label name, in the artifact's order; they sum to 1 for single-label
    tasks, stand each for itself for multi-label ones, and are the raw figure for regression. ``label`` is
    the highest, or the one that the artifact's threshold decides for; ``score`` is its score. ``labels`` are
    those of at least 0.5, or the artifact's thresholds, for multi-label tasks (there may be none), else just
    ``label``. ``num_tokens`` counts the whole text, ``used_tokens`` what the
    model saw of it.
    """

    label: str
    score: float
    scores: dict[str, float]
    labels: tuple[str, ...]
    truncated: bool
    num_tokens: int
    used_tokens: int


def decide(
    scores: Floats,
    labels: Sequence[str],
    task: Task,
    num_tokens: Sequence[int],
    used_tokens: Sequence[int],
) -> list[Prediction]:
    """Return one prediction for each row of scores [N, C]; of equal scores the first label wins."""
    chosen_labels = task.chosen(scores)
    best = [chosen[0] for chosen in chosen_labels] if task.exclusive else scores.argmax(axis=1).tolist()
    predictions = []
    for row, top, chosen, whole, used in zip(
        scores.tolist(), best, chosen_labels, num_tokens, used_tokens, strict=True
    ):
        predictions.append(
            Prediction(
                label=labels[top],
                score=row[top],
                scores=dict(zip(labels, row, strict=True)),
                labels=tuple(labels[index] for index in chosen),
                truncated=whole > used,
                num_tokens=whole,
                used_tokens=used,
            )
        )
    return predictions

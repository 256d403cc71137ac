"""Scores to predictions: labels by name. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
    model saw of it. ``decision`` is "review" where the confidence is below the least one that the artifact
    accepts; None where it never abstains.
    """

    label: str
    score: float
    scores: dict[str, float]
    labels: tuple[str, ...]
    truncated: bool
    num_tokens: int
    used_tokens: int
    decision: Literal["accept", "review"] | None = None


def decide(
    scores: Floats,
    labels: Sequence[str],
    task: Task,
    num_tokens: Sequence[int],
    used_tokens: Sequence[int],
    accepts_from: float | None = None,
) -> list[Prediction]:
    """Return one prediction for each row of scores [N, C]; of equal scores the first label wins.

    Args:
        scores: [N, C], as callers see them.
        labels: [C] names.
        task: decides.
        num_tokens: [N] of the whole texts.
        used_tokens: [N] of what the model saw.
        accepts_from: least confidence of an accepted answer; None: there is no abstention.
    """
    decisions: Sequence[Literal["accept", "review"] | None] = [None] * len(scores)
    if accepts_from is not None:
        sure = (task.confidence(scores) >= accepts_from).tolist()
        decisions = ["accept" if enough else "review" for enough in sure]
    chosen_labels = task.chosen(scores)
    best = [chosen[0] for chosen in chosen_labels] if task.exclusive else scores.argmax(axis=1).tolist()
    predictions = []
    for row, top, chosen, whole, used, decision in zip(
        scores.tolist(), best, chosen_labels, num_tokens, used_tokens, decisions, strict=True
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
                decision=decision,
            )
        )
    return predictions

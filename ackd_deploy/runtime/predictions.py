"""Logits to predictions: temperature, softmax or sigmoid or nothing, labels by name. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ackd_deploy.artifact.schema import ProblemType

__all__ = ["Prediction", "activate", "decide"]

Floats = npt.NDArray[np.float32]

_MULTI_LABEL_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    ``scores`` are probabilities by label name, in the artifact's order; they sum to 1 for single-label
    tasks, stand each for itself for multi-label ones, and are the raw figure for regression. ``label`` is
    the highest, ``score`` its score; ``labels`` are those of at least 0.5 for multi-label tasks (there
    may be none), else just ``label``. ``num_tokens`` counts the whole text, ``used_tokens`` what the
    model saw of it.
    """

    label: str
    score: float
    scores: dict[str, float]
    labels: tuple[str, ...]
    truncated: bool
    num_tokens: int
    used_tokens: int


def activate(logits: Floats, problem_type: ProblemType, temperature: float = 1.0) -> Floats:
    """Return scores [N, C] of logits [N, C].

    Single-label: softmax(z / T); multi-label: 1 / (1 + exp(-z / T)); regression: z as it is, since a
    temperature calibrates probabilities and would only rescale a figure.
    """
    if problem_type == "regression":
        return logits
    scaled: npt.NDArray[np.float64] = logits.astype(np.float64) / temperature
    if problem_type == "multi_label_classification":
        # exp of a negative number alone: neither side can overflow.
        small = np.exp(-np.abs(scaled))
        scores: npt.NDArray[np.float64] = np.where(scaled >= 0, 1 / (1 + small), small / (1 + small))
        return scores.astype(np.float32)
    exponentials: npt.NDArray[np.float64] = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials.astype(np.float32)


def decide(
    scores: Floats,
    labels: Sequence[str],
    problem_type: ProblemType,
    num_tokens: Sequence[int],
    used_tokens: Sequence[int],
) -> list[Prediction]:
    """Return one prediction for each row of scores [N, C]; of equal scores the first label wins."""
    multi_label = problem_type == "multi_label_classification"
    best = scores.argmax(axis=1).tolist()
    predictions = []
    for row, top, whole, used in zip(scores.tolist(), best, num_tokens, used_tokens, strict=True):
        chosen = (
            tuple(name for name, score in zip(labels, row, strict=True) if score >= _MULTI_LABEL_THRESHOLD)
            if multi_label
            else (labels[top],)
        )
        predictions.append(
            Prediction(
                label=labels[top],
                score=row[top],
                scores=dict(zip(labels, row, strict=True)),
                labels=chosen,
                truncated=whole > used,
                num_tokens=whole,
                used_tokens=used,
            )
        )
    return predictions

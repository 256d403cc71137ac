"""What saved predictions say beyond the headline: calibration, each label apart, agreement with the teacher. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.report.saved import Predictions
from ackd_deploy.tasks.stats import CALIBRATION_BINS, expected_calibration_error, softmax, wilson_interval

__all__ = ["Calibration", "Slice", "calibration", "label_slices", "reliability"]

_MAX_LABELS = 30
_MIN_ROWS_IN_BIN = 10


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed, for one model.

    Attributes:
        name: of the model.
        error: expected calibration error, a share.
        confidence: mean probability of the chosen label.
        accuracy: share of right rows.
        agreement: share of rows on which it says what the teacher says; None for the teacher.
    """

    name: str
    error: float
    confidence: float
    accuracy: float
    agreement: float | None


def calibration(models: Mapping[str, Predictions], teacher: str | None = None) -> list[Calibration]:
    """Calibration of single-label models (name -> predictions) that answered the same rows."""
    found = []
    for name, saved in models.items():
        probabilities = softmax(saved.logits)
        chosen = saved.logits.argmax(axis=1)
        reference = models.get(teacher) if teacher is not None and name != teacher else None
        found.append(
            Calibration(
                name=name,
                error=expected_calibration_error(probabilities, saved.labels),
                confidence=float(probabilities.max(axis=1).mean()),
                accuracy=float((chosen == saved.labels).mean()),
                agreement=None
                if reference is None or reference.logits.shape != saved.logits.shape
                else float((reference.logits.argmax(axis=1) == chosen).mean()),
            )
        )
    return found


def reliability(saved: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean confidence and accuracy in %, a value for each of the equal bins with enough rows to mean something."""
    probabilities = softmax(saved.logits)
    confidence, right = probabilities.max(axis=1), saved.logits.argmax(axis=1) == saved.labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    used = [b for b in range(CALIBRATION_BINS) if (bins == b).sum() >= _MIN_ROWS_IN_BIN]
    return (
        np.array([100 * float(confidence[bins == b].mean()) for b in used]),
        np.array([100 * float(right[bins == b].mean()) for b in used]),
    )


@dataclass(frozen=True)
class Slice:
    """The rows of one label: how many, and the share that each model gets right, with its 95 % interval."""

    name: str
    rows: int
    right: tuple[tuple[float, tuple[float, float]], ...]


def label_slices(models: Mapping[str, Predictions], label_names: Sequence[str]) -> list[Slice]:
    """Recall of each label for each of the models, for up to 30 labels, the most frequent first."""
    if not models:
        return []
    labels = next(iter(models.values())).labels
    ids, counts = np.unique(labels, return_counts=True)
    slices = []
    for position in np.argsort(-counts, kind="stable")[:_MAX_LABELS]:
        label, rows = int(ids[position]), int(counts[position])
        right = []
        for saved in models.values():
            hits = int((saved.logits.argmax(axis=1)[saved.labels == label] == label).sum())
            right.append((hits / rows, wilson_interval(hits, rows)))
        name = label_names[label] if 0 <= label < len(label_names) else f"label {label}"
        slices.append(Slice(name, rows, tuple(right)))
    return slices

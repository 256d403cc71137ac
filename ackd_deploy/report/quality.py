"""What saved predictions say beyond the headline: calibration, each label apart, agreement with the teacher. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.run.predictions import Predictions
from ackd_deploy.tasks import SINGLE_LABEL
from ackd_deploy.tasks.activations import softmax
from ackd_deploy.tasks.calibration import calibration_bins, expected_calibration_error
from ackd_deploy.tasks.intervals import wilson_interval
from ackd_deploy.tasks.per_class import class_counts

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
        reference = models.get(teacher) if teacher is not None and name != teacher else None
        found.append(
            Calibration(
                name=name,
                error=expected_calibration_error(probabilities, saved.labels),
                confidence=float(probabilities.max(axis=1).mean()),
                accuracy=SINGLE_LABEL.score(saved.logits, saved.labels),
                agreement=None
                if reference is None or reference.logits.shape != saved.logits.shape
                else float(SINGLE_LABEL.agree(saved.logits, reference.logits).mean()),
            )
        )
    return found


def reliability(saved: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean confidence and accuracy in %, a value for each of the equal bins with enough rows to mean something."""
    bins = [b for b in calibration_bins(softmax(saved.logits), saved.labels) if b.rows >= _MIN_ROWS_IN_BIN]
    return np.array([100 * b.confidence for b in bins]), np.array([100 * b.accuracy for b in bins])


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
    found = [class_counts(SINGLE_LABEL, saved.logits, saved.labels) for saved in models.values()]
    counts = {label: entry.labeled for label, entry in enumerate(found[0]) if entry.labeled}
    slices = []
    for label, rows in sorted(counts.items(), key=lambda entry: -entry[1])[:_MAX_LABELS]:
        right = [(of_model[label].recall, wilson_interval(of_model[label].hits, rows)) for of_model in found]
        name = label_names[label] if 0 <= label < len(label_names) else f"label {label}"
        slices.append(Slice(name, rows, tuple(right)))
    return slices

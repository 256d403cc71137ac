"""Deterministic parts of a data set: subsets, slices held out of training, rows that two sets share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.unlabeled import has_label
from ackd_deploy.errors import DataError
from ackd_deploy.tasks.text import parts

__all__ = ["calibration_slice", "draw", "normalized_texts", "shared_rows", "subset", "tuning_split"]

Indices = npt.NDArray[np.int64]

# One stream of random numbers for each purpose: a calibration slice must not be the subset's first rows.
_STREAMS = {"subset": 1, "calibration": 2, "tuning": 3}


def draw(size: int, count: int, *, seed: int, purpose: str) -> Indices:
    """Return ``count`` of ``size`` row numbers (all, where there are fewer), ascending.

    A larger count holds every smaller one of the same seed and purpose: learning curves are nested.
    """
    order = np.random.default_rng([seed, _STREAMS[purpose]]).permutation(size)
    return np.sort(order[:count])


def subset(rows: LabeledTexts, count: int | None, *, seed: int) -> LabeledTexts:
    """Return ``count`` rows drawn by the seed, in their old order; the same object where none need go."""
    if count is None or count >= len(rows):
        return rows
    return rows.take(draw(len(rows), count, seed=seed, purpose="subset"))


def calibration_slice(rows: LabeledTexts, count: int, *, seed: int) -> Indices:
    """Return the row numbers of a slice of the training rows, for calibration of int8 and of the temperature."""
    labeled = np.flatnonzero(has_label(rows.labels))
    # int8 needs texts alone: where no row has a label of its own, it is calibrated on any.
    rows_to_draw = labeled if len(labeled) else np.arange(len(rows))
    return np.asarray(rows_to_draw[draw(len(rows_to_draw), count, seed=seed, purpose="calibration")])


def tuning_split(rows: LabeledTexts, count: int | None, *, seed: int) -> tuple[LabeledTexts, LabeledTexts | None]:
    """Return the rows to train on, and a slice of at least ``count`` rows that are kept out of the training.

    What is chosen after the training, such as a threshold, must be chosen on rows that the model has not seen: it
    answers its own training rows more surely, and more often rightly, than any other. Rows of equal text stay
    together, so the slice may be a little larger.

    Raises:
        DataError: nothing would be left to train on.
    """
    if count is None:
        return rows, None
    texts = normalized_texts(rows)
    labeled = has_label(rows.labels)
    candidates = np.flatnonzero(labeled)
    drawn = {texts[row] for row in candidates[draw(len(candidates), count, seed=seed, purpose="tuning")]}
    if not len(candidates):
        raise DataError("data.tuning_rows needs rows with labels, and no training row has one beside its soft labels")
    held = np.array([text in drawn for text in texts])
    if held.all():
        raise DataError(
            f"data.tuning_rows is {count}, and the training data has {len(rows)} rows: none would be left to train on",
            hint="lower it, or leave it out",
        )
    return rows.take(np.flatnonzero(~held)), rows.take(np.flatnonzero(held & labeled))


def shared_rows(train: LabeledTexts, validation: LabeledTexts) -> Indices:
    """Return the validation row numbers whose text (and pair) stands in ``train`` too, case and blanks aside."""
    seen = set(normalized_texts(train))
    return np.array([i for i, text in enumerate(normalized_texts(validation)) if text in seen], dtype=np.int64)


def normalized_texts(rows: LabeledTexts) -> list[str]:
    """Return what makes texts (and pairs) the same: their words, case and the blanks between them aside."""
    return ["\0".join(" ".join(part.casefold().split()) for part in parts(text)) for text in rows.items]

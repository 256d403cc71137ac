"""Rows without a label, which only a teacher's answers train on: how they are marked, and how they join the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.labeled_texts import LabeledTexts

__all__ = ["has_label", "joined", "without_labels"]


def has_label(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which rows have a label, [N].

    Args:
        labels: as in `LabeledTexts`; a class id of -1 and NaN mean none.

    >>> has_label(np.array([0, -1, 1]))
    array([ True, False,  True])
    """
    if np.issubdtype(labels.dtype, np.integer):
        return np.asarray(labels >= 0)
    return np.asarray(~np.isnan(labels).reshape(len(labels), -1).any(axis=1))


def without_labels(texts: list[str], pairs: list[str] | None, like: LabeledTexts) -> LabeledTexts:
    """Return texts as rows without a label, of the same task and label names as ``like``."""
    missing = -1 if np.issubdtype(like.labels.dtype, np.integer) else np.nan
    labels = np.full((len(texts), *like.labels.shape[1:]), missing, dtype=like.labels.dtype)
    return LabeledTexts(texts, pairs, labels, like.label_names, like.problem_type)


def joined(first: LabeledTexts, second: LabeledTexts) -> LabeledTexts:
    """Return the rows of both, those of ``first`` first: its row numbers stay what they are."""
    if (first.pairs is None) != (second.pairs is None) or first.label_names != second.label_names:
        raise ValueError("the rows differ in their labels' names, or only one of them has pairs")
    return LabeledTexts(
        texts=[*first.texts, *second.texts],
        pairs=None if first.pairs is None or second.pairs is None else [*first.pairs, *second.pairs],
        labels=np.concatenate([first.labels, second.labels]),
        label_names=first.label_names,
        problem_type=first.problem_type,
    )

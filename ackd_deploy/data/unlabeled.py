"""Rows without a label of their own: how they are marked, and how they join the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.labeled_texts import LabeledTexts

__all__ = ["has_label", "joined", "labeled_part", "no_labels", "without_labels"]


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


def labeled_part(rows: LabeledTexts) -> LabeledTexts:
    """Return the rows that have a label; the same object where all have one."""
    labeled = has_label(rows.labels)
    return rows if labeled.all() else rows.take(np.flatnonzero(labeled))


def no_labels(count: int, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the labels of ``count`` rows that have none, of the kind of ``like``."""
    missing = -1 if np.issubdtype(like.dtype, np.integer) else np.nan
    return np.full((count, *like.shape[1:]), missing, dtype=like.dtype)


def without_labels(texts: list[str], pairs: list[str] | None, like: LabeledTexts) -> LabeledTexts:
    """Return texts as rows without a label, of the same task and label names as ``like``."""
    return LabeledTexts(texts, pairs, no_labels(len(texts), like.labels), like.label_names, like.problem_type)


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
        soft=_joined_soft(first, second),
    )


def _joined_soft(first: LabeledTexts, second: LabeledTexts) -> npt.NDArray[np.float32] | None:
    if first.soft is None and second.soft is None:
        return None
    none = (np.full((len(rows), len(rows.label_names)), np.nan, dtype=np.float32) for rows in (first, second))
    parts = [rows.soft if rows.soft is not None else blank for rows, blank in zip((first, second), none, strict=True)]
    return np.concatenate(parts)

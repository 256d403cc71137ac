"""What each row of the transfer set is trained towards, where some rows have no label, or soft labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ackd_deploy.data.labels.soft import has_soft_label
from ackd_deploy.data.unlabeled import has_label
from ackd_deploy.tasks import Task

__all__ = ["ce_targets", "with_teacher_labels"]

_ROWS_AT_ONCE = 65_536


def ce_targets(
    labels: NDArray[Any], soft: NDArray[np.float32] | None, soft_label_weight: float
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the targets of the loss against the labels, and which rows have one, [N].

    A row with label y and soft labels p has the target (1 - a)·y + a·p, with y as zeros and ones; a row with one of
    the two has that one; a row with neither has a placeholder, so that a loss can be computed and then left out.

    Args:
        labels: as in `LabeledTexts`.
        soft: [N, C], NaN in rows without; None: no row has any.
        soft_label_weight: a, from 0 to 1.

    Returns:
        The labels' own form, or [N, C] float32 where there are soft labels.

    >>> ce_targets(np.array([1, -1, 0]), np.array([[0.5, 0.5], [0.25, 0.75], [np.nan] * 2], np.float32), 0.5)[0]
    array([[0.25, 0.75],
           [0.25, 0.75],
           [1.  , 0.  ]], dtype=float32)
    """
    labeled = has_label(labels)
    targets = np.array(labels)
    targets[~labeled] = 0
    if soft is None:
        return targets, labeled
    if targets.ndim == 1:
        targets = np.eye(soft.shape[1], dtype=np.float32)[targets]
    softened = has_soft_label(soft)
    part = np.where(labeled, soft_label_weight, 1.0)[softened, None]
    targets[softened] = (1 - part) * targets[softened] + part * soft[softened]
    return targets, labeled | softened


def with_teacher_labels(
    labels: NDArray[Any], logits: Callable[[NDArray[np.int64]], Tensor], task: Task
) -> NDArray[Any]:
    """Return labels with the teacher's decision where a row has none.

    Args:
        labels: as in `LabeledTexts`.
        logits: from row numbers to the teacher's logits [n, C].
        task: decides.
    """
    known = np.array(labels)
    missing = np.flatnonzero(~has_label(labels))
    for start in range(0, len(missing), _ROWS_AT_ONCE):
        rows = missing[start : start + _ROWS_AT_ONCE]
        known[rows] = task.decide(logits(rows).cpu().numpy())
    return known

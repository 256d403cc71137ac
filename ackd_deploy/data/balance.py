"""How often each class occurs: what is said of it, and the weights that answer it in the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.console import warn
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.unlabeled import labeled_part
from ackd_deploy.errors import RecipeError

__all__ = ["MAX_POS_WEIGHT", "Imbalance", "class_weights", "find_imbalance", "warn_of_imbalance"]

Floats = NDArray[np.float64]
ClassWeights = Literal["balanced"] | Mapping[str, float] | None

MAX_POS_WEIGHT = 100.0
"""Largest weight that 'balanced' gives the positives of a label, and the inverse of the smallest."""

# From one row in so many on, a warning is worth its line.
_RARE = 10
_SHOWN = 3


@dataclass(frozen=True)
class Imbalance:
    """A class with few rows, against the most frequent class; a label of a multi-label task, against its absence."""

    name: str
    rows: int
    against: str
    against_rows: int

    def __str__(self) -> str:
        return f"{self.name!r} {self.rows:,} to {self.against} {self.against_rows:,}"


def class_weights(rows: LabeledTexts, given: ClassWeights, *, source: str = "the recipe") -> Floats | None:
    """Return the weight [C] of each class in the loss against the labels; None where none are given.

    Single-label tasks: a sample's cross-entropy is multiplied by its class's weight. 'balanced' is
    N / (C·N_c) over the C classes that occur, as scikit-learn's compute_class_weight has it (G. King and L. Zeng,
    Logistic Regression in Rare Events Data, 2001). Weights are divided by their mean over the N training rows, which
    for 'balanced' is 1 already: the loss keeps its size, and so do learning rate, ce_weight and kd_weight. The loss of
    a batch is the plain mean over its samples and not PyTorch's weighted one, which would depend on its other rows.

    Multi-label tasks: the weight multiplies the positive term of a label's binary cross-entropy alone, as PyTorch's
    ``pos_weight``; 'balanced' is rows without / rows with the label, within 1 / `MAX_POS_WEIGHT` to
    `MAX_POS_WEIGHT`. These are not normalized.

    Classes that a mapping does not name have weight 1 (before the division); so have those without a row.

    Args:
        rows: the training rows.
        given: ``distill.class_weights`` of the recipe.
        source: what an error calls the recipe.

    Raises:
        RecipeError: a name is no label of the data, or the task has no classes.
    """
    if given is None:
        return None
    if not rows.task.has_classes:
        raise RecipeError(source, ["distill.class_weights: a regression has no classes"])
    rows = labeled_part(rows)
    if not len(rows):
        raise RecipeError(source, ["distill.class_weights: no training row has a label of its own"])
    counts = _counts(rows)
    weights = np.ones(len(rows.label_names))
    if isinstance(given, Mapping):
        if unknown := [name for name in given if name not in rows.label_names]:
            known = ", ".join(map(repr, rows.label_names[:20]))
            raise RecipeError(
                source,
                [f"distill.class_weights.{name}: the data has no such label" for name in unknown],
                hint=f"the labels are {known}{' …' if len(rows.label_names) > 20 else ''}",
            )
        for name, weight in given.items():
            weights[rows.label_names.index(name)] = weight
    elif rows.task.exclusive:
        there = counts > 0
        weights[there] = len(rows) / (there.sum() * counts[there])
    else:
        there = counts > 0
        ratio = (len(rows) - counts[there]) / counts[there]
        weights[there] = np.clip(ratio, 1 / MAX_POS_WEIGHT, MAX_POS_WEIGHT)
    if rows.task.exclusive:
        weights /= weights @ counts / len(rows)
    return weights


def find_imbalance(rows: LabeledTexts) -> list[Imbalance]:
    """Return the classes that are 1 to 10 or rarer, rarest first; classes without any row are another matter."""
    if not rows.task.has_classes:
        return []
    rows = labeled_part(rows)
    counts, total = _counts(rows), len(rows)
    if rows.task.exclusive:
        most = int(counts.argmax())
        found = [
            Imbalance(name, int(count), repr(rows.label_names[most]), int(counts[most]))
            for name, count in zip(rows.label_names, counts, strict=True)
        ]
    else:
        found = [
            Imbalance(name, int(count), "rows without it", int(total - count))
            for name, count in zip(rows.label_names, counts, strict=True)
        ]
    rare = [one for one in found if one.rows and one.against_rows >= _RARE * one.rows]
    return sorted(rare, key=lambda one: one.rows)


def warn_of_imbalance(rows: LabeledTexts, given: ClassWeights) -> None:
    """Say which classes of the training rows are 1 to 10 or rarer, unless the recipe weighs the classes."""
    found = find_imbalance(rows)
    if not found or given is not None:
        return
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    warn(
        f"the classes are imbalanced: {', '.join(map(str, found[:_SHOWN]))}{more} training rows; a model may never "
        "answer a rare class. Try distill.class_weights: balanced, and look at macro_f1 rather than accuracy"
    )


def _counts(rows: LabeledTexts) -> NDArray[Any]:
    """Return the rows [C] of each class."""
    if rows.task.exclusive:
        return np.bincount(rows.labels, minlength=len(rows.label_names))
    return np.asarray(rows.labels.sum(axis=0, dtype=np.float64)).astype(np.int64)

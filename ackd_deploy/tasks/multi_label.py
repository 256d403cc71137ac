"""Multi-label classification: any number of labels for each row, each decided for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.activations import sigmoid
from ackd_deploy.tasks.metrics import EXACT_MATCH, MACRO_F1, MICRO_F1, SAMPLES_F1, WEIGHTED_F1, Metric
from ackd_deploy.tasks.task import SURE, ProblemType, Task, by_name

__all__ = ["MULTI_LABEL", "MultiLabel"]

Array = NDArray[Any]
_THRESHOLD = 0.5


@dataclass(frozen=True)
class MultiLabel(Task):
    """Labels are [N, C] zeros and ones; a label applies from a score of 1/2, which is a logit of 0.

    Other thresholds may take the place of 1/2.
    """

    problem_type: ClassVar[ProblemType] = "multi_label_classification"
    deciding: ClassVar[Mapping[str, Metric]] = by_name(MICRO_F1, MACRO_F1, WEIGHTED_F1, SAMPLES_F1, EXACT_MATCH)
    shown: ClassVar[tuple[Metric, ...]] = (MICRO_F1, MACRO_F1, EXACT_MATCH)
    metric: Metric = field(default=MICRO_F1, compare=False)

    def _decide_plainly(self, logits: Array) -> Array:
        return np.asarray(logits >= 0)

    def decide_scores(self, scores: Array) -> Array:
        """Return booleans [N, C]: which scores reach their thresholds."""
        return np.asarray(scores >= _THRESHOLD) if self.thresholds is None else self.thresholds.reached(scores)

    def truth(self, labels: Array) -> Array:
        """Return booleans [N, C]."""
        return np.asarray(labels > 0.5)

    def activate(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return a probability for each label: 1 / (1 + exp(-z / T))."""
        return sigmoid(logits, temperature).astype(np.float32)

    def chosen(self, scores: Array) -> list[list[int]]:
        """Return the labels that reach their thresholds; there may be none."""
        return [np.flatnonzero(row).tolist() for row in self.decide_scores(scores)]

    def confidence(self, scores: Array) -> NDArray[np.float64]:
        """Return the probability that all labels of a row are decided rightly, if they were independent.

        It is the product over labels of s where the label applies, and of 1 - s where it does not.
        """
        wide = np.asarray(scores, dtype=np.float64)
        return np.asarray(np.where(self.decide_scores(scores), wide, 1 - wide).prod(axis=1))

    def row_errors(self, logits: Array, labels: Array) -> NDArray[np.float64]:
        """Return the share of wrong labels."""
        return np.asarray((self.decide(logits) != self.truth(labels)).mean(axis=1))

    def agree(self, logits: Array, reference: Array) -> NDArray[np.bool_]:
        """Return the rows with the same set of labels."""
        return np.asarray((self.decide(logits) == self.decide(reference)).all(axis=1))

    def constants(self, labels: Array, classes: int) -> list[NDArray[np.float32]]:
        """Return the most frequent set of labels, and the sets of the 0, 1, 2 … most frequent labels."""
        truth = self.truth(labels)
        sets, counts = np.unique(truth, axis=0, return_counts=True)
        order = np.argsort(-truth.sum(axis=0), kind="stable")
        rank = np.argsort(order)
        candidates = [sets[counts.argmax()], *(rank < size for size in range(classes + 1))]
        return [np.where(on, SURE, -SURE).astype(np.float32) for on in candidates]

    def named(self, decision: Any, label_names: Sequence[str]) -> list[str]:
        """Return the names of the labels that apply."""
        return [name for name, on in zip(label_names, decision, strict=True) if on > 0.5]


MULTI_LABEL = MultiLabel()

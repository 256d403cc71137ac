"""Single-label classification: exactly one class for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.activations import softmax
from ackd_deploy.tasks.metrics import ACCURACY, BALANCED_ACCURACY, MACRO_F1, MCC, WEIGHTED_F1, Metric
from ackd_deploy.tasks.task import SURE, ProblemType, Task, by_name

__all__ = ["SINGLE_LABEL", "SingleLabel"]

Array = NDArray[Any]
_CONSTANTS = 200


@dataclass(frozen=True)
class SingleLabel(Task):
    """Labels are [N] class ids; the decision is the class of the largest logit, the first of equal ones.

    With a threshold, which two classes can have, it is the positive class from that score on.
    """

    problem_type: ClassVar[ProblemType] = "single_label_classification"
    deciding: ClassVar[Mapping[str, Metric]] = by_name(ACCURACY, MACRO_F1, WEIGHTED_F1, BALANCED_ACCURACY, MCC)
    shown: ClassVar[tuple[Metric, ...]] = (ACCURACY, MACRO_F1)
    exclusive: ClassVar[bool] = True
    metric: Metric = field(default=ACCURACY, compare=False)

    def _decide_plainly(self, logits: Array) -> Array:
        return np.asarray(logits.argmax(axis=1))

    def decide_scores(self, scores: Array) -> Array:
        """Return class ids [N]: the best score's, or the positive one of two where it reaches its threshold."""
        if self.thresholds is None or self.thresholds.positive is None:
            return np.asarray(scores.argmax(axis=1))
        positive = self.thresholds.positive
        return np.where(self.thresholds.reached(scores), positive, 1 - positive)

    def truth(self, labels: Array) -> Array:
        """Return class ids [N]."""
        return np.asarray(labels, dtype=np.int64)

    def activate(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return probabilities: softmax(z / T)."""
        return softmax(logits, temperature).astype(np.float32)

    def chosen(self, scores: Array) -> list[list[int]]:
        """Return the one label of each row."""
        return [[index] for index in self.decide_scores(scores).tolist()]

    def confidence(self, scores: Array) -> NDArray[np.float64]:
        """Return the score of the label that each row is given."""
        return np.asarray(scores[np.arange(len(scores)), self.decide_scores(scores)], dtype=np.float64)

    def margin(self, scores: Sequence[float]) -> float:
        """Return by how much each score [C] may change before the label could be another."""
        if self.thresholds is None or self.thresholds.positive is None:
            return super().margin(scores)
        return abs(scores[self.thresholds.positive] - self.thresholds.values[0])

    def row_errors(self, logits: Array, labels: Array) -> NDArray[np.float64]:
        """Return 1 for a wrong row, else 0."""
        return np.asarray(self.decide(logits) != self.truth(labels), dtype=np.float64)

    def agree(self, logits: Array, reference: Array) -> NDArray[np.bool_]:
        """Return the rows of the same class."""
        return np.asarray(self.decide(logits) == self.decide(reference))

    def constants(self, labels: Array, classes: int) -> list[NDArray[np.float32]]:
        """Return each of the 200 most frequent classes, the most frequent first."""
        counts = np.bincount(self.truth(labels), minlength=classes)
        order = np.argsort(-counts, kind="stable")[:_CONSTANTS]
        return list(SURE * np.eye(classes, dtype=np.float32)[order])

    def named(self, decision: Any, label_names: Sequence[str]) -> str:
        """Return the name of a class id."""
        return label_names[int(decision)]


SINGLE_LABEL = SingleLabel()

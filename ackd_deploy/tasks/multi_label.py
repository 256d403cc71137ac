"""Multi-label classification: any number of labels for each row, each decided for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.activations import sigmoid
from ackd_deploy.tasks.metrics import MICRO_F1, Metric, macro_f1
from ackd_deploy.tasks.task import ProblemType, Task

__all__ = ["MULTI_LABEL", "MultiLabel"]

Array = NDArray[Any]
_THRESHOLD = 0.5


@dataclass(frozen=True)
class MultiLabel(Task):
    """Labels are [N, C] zeros and ones; a label applies from a score of 1/2, which is a logit of 0."""

    problem_type: ClassVar[ProblemType] = "multi_label_classification"
    metric: ClassVar[Metric] = MICRO_F1

    def decide(self, logits: Array) -> Array:
        """Return booleans [N, C]."""
        return np.asarray(logits >= 0)

    def truth(self, labels: Array) -> Array:
        """Return booleans [N, C]."""
        return np.asarray(labels > 0.5)

    def activate(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return a probability for each label: 1 / (1 + exp(-z / T))."""
        return sigmoid(logits, temperature).astype(np.float32)

    def chosen(self, scores: Array) -> list[list[int]]:
        """Return the labels of at least 1/2; there may be none."""
        return [np.flatnonzero(row).tolist() for row in scores >= _THRESHOLD]

    def row_errors(self, logits: Array, labels: Array) -> NDArray[np.float64]:
        """Return the share of wrong labels."""
        return np.asarray((self.decide(logits) != self.truth(labels)).mean(axis=1))

    def agree(self, logits: Array, reference: Array) -> NDArray[np.bool_]:
        """Return the rows with the same set of labels."""
        return np.asarray((self.decide(logits) == self.decide(reference)).all(axis=1))

    def named(self, decision: Any, label_names: Sequence[str]) -> list[str]:
        """Return the names of the labels that apply."""
        return [name for name, on in zip(label_names, decision, strict=True) if on > 0.5]

    def _metrics(self, decisions: Array, truth: Array, classes: int) -> dict[str, float]:
        hits, positives = (decisions & truth).sum(axis=0), decisions.sum(axis=0) + truth.sum(axis=0)
        return {
            "micro_f1": MICRO_F1.value(decisions, truth),
            "macro_f1": macro_f1(hits, positives),
            "exact_match": float((decisions == truth).all(axis=1).mean()),
        }


MULTI_LABEL = MultiLabel()

"""Regression: one number for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metrics import Metric
from ackd_deploy.tasks.task import ProblemType, Task, by_name
from ackd_deploy.tasks.value_metrics import MAE, MSE, PEARSON, RMSE, SPEARMAN

__all__ = ["REGRESSION", "Regression"]

Array = NDArray[Any]
# Two values agree when they differ by no more than this share of the reference's standard deviation.
_CLOSE = 0.1


@dataclass(frozen=True)
class Regression(Task):
    """Labels are [N] targets; the decision is the model's output itself."""

    problem_type: ClassVar[ProblemType] = "regression"
    deciding: ClassVar[Mapping[str, Metric]] = by_name(PEARSON, SPEARMAN, MSE, RMSE, MAE)
    shown: ClassVar[tuple[Metric, ...]] = (PEARSON, SPEARMAN, MSE, MAE)
    has_classes: ClassVar[bool] = False
    metric: Metric = field(default=PEARSON, compare=False)

    def _decide_plainly(self, logits: Array) -> Array:
        return np.asarray(logits.reshape(len(logits)), dtype=np.float64)

    def decide_scores(self, scores: Array) -> Array:
        """Return values [N]: they are the scores."""
        return self._decide_plainly(scores)

    def truth(self, labels: Array) -> Array:
        """Return targets [N]."""
        return np.asarray(labels, dtype=np.float64).reshape(-1)

    def activate(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return the values as they are: a temperature calibrates probabilities and would only rescale a figure."""
        return np.asarray(logits, dtype=np.float32)

    def chosen(self, scores: Array) -> list[list[int]]:
        """Return the one output of each row."""
        return [[0] for _ in range(len(scores))]

    def row_errors(self, logits: Array, labels: Array) -> NDArray[np.float64]:
        """Return squared errors."""
        return np.asarray(np.square(self.decide(logits) - self.truth(labels)))

    def agree(self, logits: Array, reference: Array) -> NDArray[np.bool_]:
        """Return the rows whose values are within a tenth of the reference's standard deviation."""
        ours, theirs = self.decide(logits), self.decide(reference)
        return np.asarray(np.abs(ours - theirs) <= _CLOSE * max(float(np.std(theirs)), 1e-12))

    def flips(self, logits: Array, reference: Array) -> int:
        """Return 0: there is no label that could flip."""
        return 0

    def constants(self, labels: Array, classes: int) -> list[NDArray[np.float32]]:
        """Return the mean and the median."""
        truth = self.truth(labels)
        return [np.array([value], dtype=np.float32) for value in (truth.mean(), np.median(truth))]

    def named(self, decision: Any, label_names: Sequence[str]) -> float:
        """Return the value."""
        return float(decision)


REGRESSION = Regression()

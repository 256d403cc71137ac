"""The questions that differ between single-label classification, multi-label classification and regression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metrics import Metric

__all__ = ["ProblemType", "Task"]

Array = NDArray[Any]
ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]


@dataclass(frozen=True)
class Task(ABC):
    """One kind of task. Logits are [N, C], or [N, 1] for regression; labels as in `ackd_deploy.data.LabeledTexts`.

    Attributes:
        problem_type: its name, as Hugging Face's ``config.problem_type`` has it.
        metric: the deciding metric, which tables and gates use.
        has_classes: whether labels are classes; a regression's are numbers.
        exclusive: whether each row has exactly one class, so that its scores sum to 1. Only then are the confidence
            of an answer, its calibration and the recall of a class defined.
    """

    problem_type: ClassVar[ProblemType]
    metric: ClassVar[Metric]
    has_classes: ClassVar[bool] = True
    exclusive: ClassVar[bool] = False

    @property
    def several_labels(self) -> bool:
        """Whether a row may have any number of labels."""
        return self.has_classes and not self.exclusive

    @abstractmethod
    def decide(self, logits: Array) -> Array:
        """Return the decisions: [N] class ids, [N, C] booleans, or [N] values."""

    @abstractmethod
    def truth(self, labels: Array) -> Array:
        """Return labels in the form of decisions."""

    @abstractmethod
    def activate(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return the scores [N, C] that a caller sees."""

    @abstractmethod
    def chosen(self, scores: Array) -> list[list[int]]:
        """Return the indices of the labels that apply to each row of scores [N, C]."""

    @abstractmethod
    def row_errors(self, logits: Array, labels: Array) -> NDArray[np.float64]:
        """Return how wrong each row is, [N], at least 0; the mean is the error that gates let grow by so much."""

    @abstractmethod
    def agree(self, logits: Array, reference: Array) -> NDArray[np.bool_]:
        """Return the rows [N] on which a model decides as the reference does."""

    @abstractmethod
    def named(self, decision: Any, label_names: Sequence[str]) -> Any:
        """Return one row's decision or label for people: a name, a list of names, or a number."""

    @abstractmethod
    def _metrics(self, decisions: Array, truth: Array, classes: int) -> dict[str, float]: ...

    def flips(self, logits: Array, reference: Array) -> int:
        """Return the number of rows whose label differs from the reference's."""
        return int((~self.agree(logits, reference)).sum())

    def metrics(self, logits: Array, labels: Array) -> dict[str, float]:
        """Return the task's metrics by name; the deciding one is always among them.

        Raises:
            ValueError: logits and labels are of different rows, or there are none.
        """
        _same_rows(logits, labels)
        return self._metrics(self.decide(logits), self.truth(labels), logits.reshape(len(logits), -1).shape[1])

    def score(self, logits: Array, labels: Array) -> float:
        """Return the deciding metric; higher is better.

        Raises:
            ValueError: logits and labels are of different rows, or there are none.
        """
        _same_rows(logits, labels)
        return self.metric.value(self.decide(logits), self.truth(labels))

    def statistics(self, logits: Array, labels: Array) -> NDArray[np.float64]:
        """Return what the deciding metric is computed from, [N, K]: see `Metric`."""
        _same_rows(logits, labels)
        return self.metric.rows(self.decide(logits), self.truth(labels))


def _same_rows(logits: Array, labels: Array) -> None:
    if len(logits) != len(labels) or not len(labels):
        raise ValueError(f"{len(logits)} rows of logits for {len(labels)} labels")

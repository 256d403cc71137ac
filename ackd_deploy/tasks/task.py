"""The questions that differ between single-label classification, multi-label classification and regression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metric_names import CLASS_F1
from ackd_deploy.tasks.metrics import Metric, f1_of_class
from ackd_deploy.tasks.thresholds import Thresholds

__all__ = ["SURE", "ProblemType", "Task", "by_name"]

Array = NDArray[Any]

SURE = np.float32(30.0)
"""A logit of which every threshold on scores makes the same decision."""

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]


@dataclass(frozen=True)
class Task(ABC):
    """One kind of task. Logits are [N, C], or [N, 1] for regression; labels as in `ackd_deploy.data.LabeledTexts`.

    Attributes:
        problem_type: its name, as Hugging Face's ``config.problem_type`` has it.
        metric: the deciding metric, which tables and gates use. Tasks that differ in it alone are equal.
        deciding: the metrics that can decide, by name; F1 of one class is another, where there are classes.
        shown: the metrics that tables and records hold beside the deciding one.
        has_classes: whether labels are classes; a regression's are numbers.
        exclusive: whether each row has exactly one class, so that its scores sum to 1. Only then are the confidence
            of an answer, its calibration and the recall of a class defined.
        thresholds: scores from which labels apply; None: the largest score, or 1/2 for each label.
    """

    problem_type: ClassVar[ProblemType]
    deciding: ClassVar[Mapping[str, Metric]]
    shown: ClassVar[tuple[Metric, ...]]
    has_classes: ClassVar[bool] = True
    exclusive: ClassVar[bool] = False
    metric: Metric = field(compare=False)
    thresholds: Thresholds | None = field(default=None, compare=False, kw_only=True)

    @property
    def several_labels(self) -> bool:
        """Whether a row may have any number of labels."""
        return self.has_classes and not self.exclusive

    def deciding_by(self, name: str | None, label_names: Sequence[str] | None = None) -> Self:
        """Return this task with another deciding metric.

        Args:
            name: of the metric; ``f1:CLASS`` for F1 of one class; None: this task as it is.
            label_names: among which CLASS must be. None where they are not known yet: the metric of a class computes
                nothing then.

        Raises:
            ValueError: the task has no metric of that name, or no such class.
        """
        if name is None:
            return self
        if name in self.deciding:
            return replace(self, metric=self.deciding[name])
        allowed = [*self.deciding, *([f"{CLASS_F1}CLASS"] if self.has_classes else [])]
        label = name.removeprefix(CLASS_F1)
        if not self.has_classes or label in ("", name):
            raise ValueError(f"no metric of this task: use {', '.join(allowed)}")
        if label_names is None:
            return replace(self, metric=f1_of_class(label, None))
        if label not in label_names:
            shown = ", ".join(map(str, label_names[:20])) + (", …" if len(label_names) > 20 else "")
            raise ValueError(f"there is no class {label!r}: the data has {shown}")
        return replace(self, metric=f1_of_class(label, list(label_names).index(label)))

    def with_thresholds(self, thresholds: Thresholds | None) -> Self:
        """Return this task with other decision thresholds."""
        return replace(self, thresholds=thresholds)

    def decide(self, logits: Array) -> Array:
        """Return the decisions: [N] class ids, [N, C] booleans, or [N] values."""
        if self.thresholds is None:
            return self._decide_plainly(logits)
        return self.decide_scores(self.activate(logits, self.thresholds.temperature))

    @abstractmethod
    def _decide_plainly(self, logits: Array) -> Array:
        """Return the decisions where there are no thresholds."""

    @abstractmethod
    def decide_scores(self, scores: Array) -> Array:
        """Return the decisions from scores [N, C] as `activate` returns them, by the thresholds where there are any.

        This is the one place where scores become decisions, for gates, runtime and service alike.
        """

    @abstractmethod
    def truth(self, labels: Array) -> Array:
        """Return labels in the form of decisions."""

    @abstractmethod
    def activate(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return the scores [N, C] that a caller sees."""

    @abstractmethod
    def chosen(self, scores: Array) -> list[list[int]]:
        """Return the indices of the labels that apply to each row of scores [N, C]."""

    def confidence(self, scores: Array) -> NDArray[np.float64]:
        """Return how probable it is that the decision of each row of scores [N, C] is right, [N], by the scores.

        Raises:
            ValueError: the task has no classes.
        """
        raise ValueError(f"{self.problem_type} has no confidence: its scores are no probabilities")

    def margin(self, scores: Sequence[float]) -> float:
        """Return by how much each score [C] may change before the label that a row is given could be another."""
        ranked = sorted(scores, reverse=True)
        return float("inf") if len(ranked) < 2 else (ranked[0] - ranked[1]) / 2

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
    def constants(self, labels: Array, classes: int) -> list[NDArray[np.float32]]:
        """Return logits [C] of answers that every row could be given, those to prefer first, from training labels.

        They decide by a wide margin, whatever threshold turns scores into decisions.
        """

    def flips(self, logits: Array, reference: Array) -> int:
        """Return the number of rows whose label differs from the reference's."""
        return int((~self.agree(logits, reference)).sum())

    def metrics(self, logits: Array, labels: Array) -> dict[str, float]:
        """Return the task's metrics by name; the deciding one is always among them.

        Raises:
            ValueError: logits and labels are of different rows, or there are none.
        """
        _same_rows(logits, labels)
        decisions, truth, classes = self.decide(logits), self.truth(labels), _classes(logits)
        found = {metric.name: metric.value(decisions, truth, classes) for metric in self.shown}
        if self.metric.name not in found:
            found[self.metric.name] = self.metric.value(decisions, truth, classes)
        return found

    def score(self, logits: Array, labels: Array) -> float:
        """Return the deciding metric; its ``facts`` say which way is better.

        Raises:
            ValueError: logits and labels are of different rows, or there are none.
        """
        _same_rows(logits, labels)
        return self.metric.value(self.decide(logits), self.truth(labels), _classes(logits))

    def statistics(self, logits: Array, labels: Array) -> NDArray[np.float64]:
        """Return what the deciding metric is computed from, [N, K]: see `Metric`."""
        _same_rows(logits, labels)
        return self.metric.rows(self.decide(logits), self.truth(labels), _classes(logits))


def by_name(*metrics: Metric) -> dict[str, Metric]:
    """Return metrics by their names."""
    return {metric.name: metric for metric in metrics}


def _classes(logits: Array) -> int:
    return int(logits.reshape(len(logits), -1).shape[1])


def _same_rows(logits: Array, labels: Array) -> None:
    if len(logits) != len(labels) or not len(labels):
        raise ValueError(f"{len(logits)} rows of logits for {len(labels)} labels")

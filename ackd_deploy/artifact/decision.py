"""The part of the manifest that says how scores become an answer, and when none is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ackd_deploy.artifact.part import MAX_LABELS, Name, Part
from ackd_deploy.tasks import ProblemType, Task, task_of
from ackd_deploy.tasks.thresholds import Thresholds

__all__ = ["Abstain", "Decision", "deciding_task"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Ends = Annotated[list[Share], Field(min_length=2, max_length=2)]
Rows = Annotated[int, Field(ge=1)]


class Abstain(Part):
    """From which confidence on an answer is accepted; the others are for a person to review.

    The confidence of a row is the score of the label that it is given; for multi-label tasks, the product over labels
    of s where the label applies, and of 1 - s where it does not.
    """

    threshold: Share = Field(description="Least confidence of an accepted answer.")
    target: Literal["precision", "coverage"]
    goal: Share = Field(description="The precision or coverage that was asked for.")
    rows: Rows = Field(description="Rows that the threshold was chosen on; nothing was trained on these.")
    certainty: Share | None = Field(None, description="With which the precision is reached, over draws of those rows.")
    bound: Share | None = Field(None, description="Lower bound of the precision on those rows.")
    validation_rows: Rows
    coverage: Share = Field(description="Share of the validation rows that are accepted.")
    coverage_interval: Ends
    precision: Share | None = Field(
        None, description="Share of right answers among those (of multi-label rows: of wholly right ones)."
    )
    precision_interval: Ends | None = None


class Decision(Part):
    """How scores become an answer, where it is not the largest score, or 1/2 for each label, of every text."""

    thresholds: Annotated[dict[Name, Share], Field(max_length=MAX_LABELS)] | None = Field(
        None,
        description="Score, after the temperature, from which a label applies: one for each label of a multi-label "
        "task, or for the positive one of two classes.",
    )
    metric: Name | None = Field(None, description="Metric that the thresholds were tuned for.")
    rows: Rows | None = Field(None, description="Rows that they were tuned on; nothing was trained on these.")
    abstain: Abstain | None = None

    def check(self, problem_type: ProblemType, labels: Sequence[str]) -> None:
        """Check that this is a decision between these labels.

        Raises:
            ValueError: it is not.
        """
        if not task_of(problem_type).has_classes or (self.thresholds is None and self.abstain is None):
            raise ValueError("decision decides nothing")
        if self.thresholds is None:
            return
        if self.metric is None or self.rows is None:
            raise ValueError("decision.thresholds without the metric and the rows that they were tuned for")
        wanted = len(labels) if task_of(problem_type).several_labels else 1
        if not set(self.thresholds) <= set(labels) or len(self.thresholds) != wanted:
            raise ValueError("decision.thresholds do not match the labels")
        if task_of(problem_type).exclusive and len(labels) != 2:
            raise ValueError("decision.thresholds of a single-label task need two labels")


def deciding_task(
    problem_type: ProblemType, labels: Sequence[str], temperature: float, decision: Decision | None
) -> Task:
    """Return the task of a problem type that decides as an artifact says."""
    task = task_of(problem_type)
    if decision is None or decision.thresholds is None:
        return task
    return task.with_thresholds(Thresholds.of(decision.thresholds, labels, temperature))

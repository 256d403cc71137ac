"""The part of the manifest that says how scores become an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ackd_deploy.artifact.part import MAX_LABELS, Name, Part
from ackd_deploy.tasks import ProblemType, Task, task_of
from ackd_deploy.tasks.thresholds import Thresholds

__all__ = ["Decision", "deciding_task"]

Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Decision(Part):
    """How scores become an answer, where it is not the largest score, or 1/2 for each label of a multi-label task."""

    thresholds: Annotated[dict[Name, Score], Field(max_length=MAX_LABELS)] = Field(
        description="Score, after the temperature, from which a label applies: one for each label of a multi-label "
        "task, or for the positive one of two classes."
    )
    metric: Name = Field(description="Metric that the thresholds were tuned for.")
    rows: Annotated[int, Field(ge=1)] = Field(description="Rows that they were tuned on; nothing was trained on these.")

    def check(self, problem_type: ProblemType, labels: Sequence[str]) -> None:
        """Check that these are thresholds of these labels.

        Raises:
            ValueError: they are not.
        """
        wanted = {"multi_label_classification": len(labels), "single_label_classification": 1}
        if not set(self.thresholds) <= set(labels) or len(self.thresholds) != wanted.get(problem_type):
            raise ValueError("decision.thresholds do not match the labels")
        if task_of(problem_type).exclusive and len(labels) != 2:
            raise ValueError("decision.thresholds of a single-label task need two labels")


def deciding_task(
    problem_type: ProblemType, labels: Sequence[str], temperature: float, decision: Decision | None
) -> Task:
    """Return the task of a problem type that decides as an artifact says."""
    task = task_of(problem_type)
    if decision is None:
        return task
    return task.with_thresholds(Thresholds.of(decision.thresholds, labels, temperature))

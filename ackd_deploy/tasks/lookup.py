"""From the name of a problem type to its task."""

from __future__ import annotations

from ackd_deploy.tasks.multi_label import MULTI_LABEL
from ackd_deploy.tasks.regression import REGRESSION
from ackd_deploy.tasks.single_label import SINGLE_LABEL
from ackd_deploy.tasks.task import Task

__all__ = ["TASKS", "task_of"]

TASKS: dict[str, Task] = {task.problem_type: task for task in (SINGLE_LABEL, MULTI_LABEL, REGRESSION)}


def task_of(problem_type: str) -> Task:
    """Return the task of a problem type, as recipes, manifests and Hugging Face configurations name it.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return TASKS[problem_type]
    except KeyError:
        raise ValueError(f"unknown problem type {problem_type!r}: use {', '.join(TASKS)}") from None

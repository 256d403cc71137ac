"""What a task is: how logits become decisions, how decisions are scored, and how sure the scores are.

Needs numpy alone: the service installs this package. What needs scipy imports it when it is called.
"""

from ackd_deploy.tasks.lookup import TASKS, task_of
from ackd_deploy.tasks.multi_label import MULTI_LABEL
from ackd_deploy.tasks.regression import REGRESSION
from ackd_deploy.tasks.single_label import SINGLE_LABEL
from ackd_deploy.tasks.task import ProblemType, Task

__all__ = ["MULTI_LABEL", "REGRESSION", "SINGLE_LABEL", "TASKS", "ProblemType", "Task", "task_of"]

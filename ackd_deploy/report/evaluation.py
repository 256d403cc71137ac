"""The figures of a run's models on its held-out rows, from their saved predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ackd_deploy.errors import ArtifactError, UsageError
from ackd_deploy.files import sha256_file
from ackd_deploy.run import Run
from ackd_deploy.run.predictions import read_predictions
from ackd_deploy.tasks.intervals import Interval, metric_interval

__all__ = ["Evaluation", "evaluate_run"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One model on held-out rows.

    Attributes:
        rows: their number.
        metric: name of the deciding metric.
        value: the deciding metric: a share from 0 to 1, a correlation from -1 to 1, or an error.
        interval: its two-sided 95 % interval over rows.
        metrics: all metrics by name, the deciding one among them.
    """

    rows: int
    metric: str
    value: float
    interval: Interval
    metrics: dict[str, float]


def evaluate_run(run: Run, *, rows: Literal["validation", "test"] = "validation") -> dict[str, Evaluation]:
    """Return the figures of each model of a run: the teacher, the baselines, the student.

    Nothing is computed by a model: its logits were saved when it was trained, and are checked by checksum.

    Args:
        run: any run of which at least one model is done.
        rows: the recipe's ``data.validation`` or ``data.test``.

    Returns:
        Model (``teacher``, or a method such as ``ackd``; ``ackd-seed7`` in an ablation) to its figures, in the order in
        which the models were made.

    Raises:
        UsageError: no model is done yet, or the recipe names no test rows.
        ArtifactError: saved predictions are missing or damaged.
    """
    models = run.models()
    if not models:
        raise UsageError(f"the run in {run.folder} has no finished model", hint="ackd-deploy distill goes on with it")
    if rows == "test" and run.recipe.data.test is None:
        raise UsageError(f"the recipe of {run.folder} names no test rows", hint="add data.test to the recipe")
    task = run.task
    found = {}
    for name, stage in models.items():
        path = run.predictions(stage)
        if path.is_file() and sha256_file(path) != run.record(stage).predictions_sha256:
            raise ArtifactError(f"{path} is damaged", hint="ackd-deploy distill RECIPE writes it again")
        saved = read_predictions(path, rows=rows)
        metrics = task.metrics(saved.logits, saved.labels)
        found[name] = Evaluation(
            rows=len(saved.labels),
            metric=task.metric.name,
            value=metrics[task.metric.name],
            interval=metric_interval(task, saved.logits, saved.labels),
            metrics=metrics,
        )
    return found

"""The reference of an export: what the student answers in PyTorch, checked against what its training recorded."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ackd_deploy import console
from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.data.unlabeled import has_label
from ackd_deploy.errors import ArtifactError, DataError
from ackd_deploy.export.inputs import Inputs
from ackd_deploy.recipe.decisions import check_thresholds
from ackd_deploy.run import Run
from ackd_deploy.runtime import effective_cpus
from ackd_deploy.tasks.calibration import fit_temperature
from ackd_deploy.tasks.thresholds import Thresholds
from ackd_deploy.tasks.tuning import tune_thresholds

__all__ = ["Reference", "student_reference"]


@dataclass(frozen=True, eq=False)
class Reference:
    """The student in PyTorch.

    Attributes:
        logits: [N, C] of the validation rows, divided by the temperature as every graph's are.
        metrics: of the same rows, by name.
        graph_temperature: that the graph divides logits by, so that any reader's scores are calibrated; 1 where none is
            fitted.
        thresholds: that decide in the artifact; None where none are tuned.
    """

    logits: npt.NDArray[np.float32]
    metrics: dict[str, float]
    graph_temperature: float
    thresholds: Thresholds | None = None


def student_reference(run: Run, inputs: Inputs) -> Reference:
    """Run the student in PyTorch; fit a temperature and tune thresholds on a slice of train where the recipe says so.

    Raises:
        ArtifactError: its metrics are not those that its training recorded.
        RecipeError: there are more than two classes, of which thresholds cannot be tuned.
    """
    export, task = run.recipe.export, run.task
    if export.thresholds is not None:
        check_thresholds(run.recipe, len(inputs.labels))
    what = "classifier" if run.recipe.distill.method == "none" else "student"
    with console.step(f"reference: the {what} in PyTorch on {len(inputs.validation):,} validation rows"):
        model = TorchClassifier(inputs.student, inputs.max_length, _idle_cpus(), rule=inputs.tokenizer.rule)
        logits = model.logits(inputs.texts)
    metrics = _checked_metrics(run, logits, inputs)
    fits = export.fit_temperature and task.exclusive
    rows = inputs.calibration if inputs.tuning is None else inputs.tuning
    if rows is None or (not fits and export.thresholds is None):
        return Reference(logits, metrics, graph_temperature=1.0)
    if not has_label(rows.labels).all():
        raise DataError(
            "export.fit_temperature needs rows with labels, and no training row has one beside its soft labels",
            hint="--set export.fit_temperature=false",
        )
    seen = model.logits(rows.items)
    temperature = fit_temperature(seen, rows.labels) if fits else 1.0
    logits, seen = logits / np.float32(temperature), seen / np.float32(temperature)
    if export.thresholds is None:
        return Reference(logits, metrics, temperature)
    thresholds = tune_thresholds(task, seen, rows.labels, label_names=inputs.labels)
    decided = task.with_thresholds(thresholds).metrics(logits, inputs.validation.labels)
    name = task.metric.name
    console.log(
        f"thresholds tuned on {len(rows):,} rows: {name} of the {what} {metrics[name]:.4f} without, "
        f"{decided[name]:.4f} with them"
    )
    return Reference(logits, decided, temperature, thresholds)


def _idle_cpus() -> int:
    # PyTorch's threads spin while they wait for each other: beside other work, two are slower than one.
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, effective_cpus() - round(busy))


def _checked_metrics(run: Run, logits: npt.NDArray[np.floating], inputs: Inputs) -> dict[str, float]:
    """Return the student's metrics, after comparing them with what its training recorded.

    Raises:
        ArtifactError: they differ: the folder does not hold what was trained, or its labels changed places.
    """
    task = run.task
    found = task.metrics(logits, inputs.validation.labels)
    name = task.metric.name
    recorded = run.record(run.student).metrics[name]
    # A row or two may fall to the other side when the student was trained on another device.
    if abs(found[name] - recorded) > 0.005 + 2.0 / len(inputs.validation):
        raise ArtifactError(
            f"the student in {inputs.student} has {name} {found[name]:.4f}, its training recorded {recorded:.4f}: "
            "its weights, its label names or the validation rows are not those of the run",
            hint="distill the run again, or restore the folder",
        )
    return found

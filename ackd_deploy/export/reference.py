"""The reference of an export: what the student answers in PyTorch, checked against what its training recorded."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ackd_deploy import console
from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.errors import ArtifactError
from ackd_deploy.export.inputs import Inputs
from ackd_deploy.run import Run
from ackd_deploy.runtime import effective_cpus
from ackd_deploy.tasks.calibration import fit_temperature

__all__ = ["Reference", "student_reference"]


@dataclass(frozen=True, eq=False)
class Reference:
    """The student in PyTorch.

    Attributes:
        logits: [N, C] of the validation rows.
        metrics: of the same rows, by name.
        temperature: that the artifact divides logits by; 1 where none is fitted.
    """

    logits: npt.NDArray[np.float32]
    metrics: dict[str, float]
    temperature: float


def student_reference(run: Run, inputs: Inputs) -> Reference:
    """Run the student in PyTorch, and fit a temperature on a slice of train where the recipe wants one.

    Raises:
        ArtifactError: its metrics are not those that its training recorded.
    """
    console.log(f"reference: the student in PyTorch on {len(inputs.validation):,} validation rows")
    model = TorchClassifier(inputs.student, inputs.max_length, _idle_cpus())
    logits = model.logits(inputs.texts)
    metrics = _checked_metrics(run, logits, inputs)
    temperature = 1.0
    if run.recipe.export.fit_temperature and run.recipe.data.task.exclusive:
        rows = inputs.calibration if inputs.tuning is None else inputs.tuning
        temperature = fit_temperature(model.logits(rows.items), rows.labels)
    return Reference(logits, metrics, temperature)


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

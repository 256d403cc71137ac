"""The verdict on a run's finished model, from what it saved: nothing is computed by the model again."""

from __future__ import annotations

import numpy as np

from ackd_deploy.check.gates import GateResult
from ackd_deploy.check.quality import Against, above_chance, quality_gates
from ackd_deploy.run import BASELINES, TEACHER, Run, Stage
from ackd_deploy.run.predictions import read_predictions
from ackd_deploy.run.records import CONSTANT, ModelRecord

__all__ = ["held_against", "model_gates"]


def held_against(run: Run, *, with_teacher: bool = True) -> Against | None:
    """Return what the students of a run are held against; None for a run from before there were baselines.

    Args:
        run: with its baselines.
        with_teacher: whether the teacher's predictions are wanted too, where students have one.

    Raises:
        ArtifactError: the teacher's predictions are missing or damaged.
    """
    found = run.find(BASELINES)
    constant = None if found is None else found.find(CONSTANT)
    if constant is None or constant.logits is None:
        return None
    # With method none, what is deployed is the teacher itself.
    has_teacher = with_teacher and run.student != TEACHER and run.is_done(TEACHER)
    teacher = read_predictions(run.predictions(TEACHER)).logits if has_teacher else None
    return Against(np.array(constant.logits, dtype=np.float32), constant.name, teacher)


def model_gates(run: Run, stage: Stage[ModelRecord]) -> list[GateResult]:
    """Judge a teacher or a student by the bounds that the recipe has now; nothing without baselines.

    A teacher of students is asked only whether it is above chance: the rest is about what is deployed.

    Raises:
        ArtifactError: predictions are missing or damaged.
    """
    if (against := held_against(run)) is None:
        return []
    saved, gates, task = read_predictions(run.predictions(stage)), run.recipe.gates, run.task
    if stage == TEACHER and run.student != TEACHER:
        return [above_chance("teacher", task, saved.logits, saved.labels, against, required=gates.above_chance)]
    names = run.record(stage).label_names
    return quality_gates(stage.model, task, saved.logits, saved.labels, against, gates, names)

"""From which confidence the artifact's answers are accepted: chosen on tuning rows, told on validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy import console
from ackd_deploy.artifact.decision import Abstain
from ackd_deploy.errors import GateFailed
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.runtime import Classifier
from ackd_deploy.tasks.abstention import CERTAINTY, Selection, Unreachable, for_coverage, for_precision
from ackd_deploy.tasks.intervals import wilson_interval

__all__ = ["choose_abstention"]

Array = NDArray[Any]


def choose_abstention(winner: Classifier, logits: Array, setting: ExportSetting) -> Abstain | None:
    """Return from which confidence the chosen variant's answers are accepted; None where the recipe wants all.

    Args:
        winner: the chosen variant.
        logits: [N, C] of it on the validation rows.
        setting: the export.

    Raises:
        GateFailed: no threshold reaches the precision on the tuning rows, or the validation rows contradict it.
    """
    wanted, rows = setting.recipe.export.abstain, setting.inputs.tuning
    if wanted is None or rows is None:
        return None
    tuning = winner.run_sorted(setting.inputs.tokenizer.encode(rows.items))
    confidence, right = _answers(setting, tuning, rows.labels)
    found: Selection | Unreachable
    if wanted.precision is not None:
        found = for_precision(confidence, right, wanted.precision)
        if isinstance(found, Unreachable):
            raise _unreachable(found, wanted.precision, len(rows))
    else:
        found = for_coverage(confidence, right, wanted.goal)
    confidence, right = _answers(setting, logits, setting.inputs.validation.labels)
    accepted = confidence >= found.threshold
    answered, hits = int(accepted.sum()), int(right[accepted].sum())
    abstain = Abstain(
        threshold=found.threshold,
        target=wanted.target,
        goal=wanted.goal,
        rows=len(rows),
        certainty=CERTAINTY if wanted.precision is not None else None,
        bound=found.bound,
        validation_rows=len(right),
        coverage=answered / len(right),
        coverage_interval=list(wilson_interval(answered, len(right))),
        precision=hits / answered if answered else None,
        precision_interval=list(wilson_interval(hits, answered)) if answered else None,
    )
    _compare(abstain)
    return abstain


def _answers(setting: ExportSetting, logits: Array, labels: Array) -> tuple[Array, Array]:
    task = setting.task
    scores = task.activate(logits)
    return task.confidence(scores), np.asarray(task.row_errors(logits, labels) == 0)


def _unreachable(found: Unreachable, goal: float, rows: int) -> GateFailed:
    best = found.best
    hint = "ask for less, train a better model, or give more data.tuning_rows"
    if found.needed > rows:
        hint = f"to show this takes {found.needed:,} data.tuning_rows at least, all of them answered rightly"
    return GateFailed(
        f"export.abstain: no threshold reaches the precision {goal:g} on {rows:,} tuning rows; the best reachable is "
        f"{best.bound or 0.0:.4f}, with {best.right:,} of {best.answered:,} answers right (lower bound, at a certainty "
        f"of {CERTAINTY:.0%})",
        hint=hint,
    )


def _compare(abstain: Abstain) -> None:
    """Say what the threshold does on the validation rows.

    Raises:
        GateFailed: their interval leaves out the precision that was asked for.
    """
    low, high = abstain.coverage_interval
    said = f"accepts {abstain.coverage:.1%} ({low:.1%} to {high:.1%}) of {abstain.validation_rows:,} validation rows"
    if abstain.precision is None or abstain.precision_interval is None:
        console.warn(f"abstention {said}")
        return
    low, high = abstain.precision_interval
    right = f"{abstain.precision:.1%} ({low:.1%} to {high:.1%}) of them rightly"
    if abstain.target == "precision" and high < abstain.goal:
        raise GateFailed(
            f"export.abstain: the threshold {said}, and {right}; that contradicts the precision {abstain.goal:g} "
            f"that {abstain.rows:,} rows of train showed",
            hint="validation and training rows differ: look at how the data was divided",
        )
    console.log(f"abstention: a confidence of {abstain.threshold:.4g} {said}, {right}")

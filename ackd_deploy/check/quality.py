"""The gates of a model against the world: has it learned anything, and enough? Pure.

The gates of `check.accuracy` hold an export against its student; a student that answers one class to every row passes
them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.gates import GateResult, Verdict, at_least, at_most
from ackd_deploy.errors import GateFailed
from ackd_deploy.recipe.sections import Gates
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.constant import repeated
from ackd_deploy.tasks.intervals import Interval, bootstrap_interval, metric_interval, wilson_interval
from ackd_deploy.tasks.paired import paired_difference
from ackd_deploy.tasks.per_class import ClassCounts, class_counts

__all__ = ["ABOVE_CHANCE", "Against", "above_chance", "quality_gates", "refused_model"]

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[Any]

ABOVE_CHANCE = "above chance"
_PER_CLASS = "recall of each class"
_TEACHER = "drop from the teacher"
_FEW_ROWS = 10
# A gain that the rows cannot tell from none is an open question where it may be as large as this, and none elsewhere.
_TELLING_POINTS = 10.0

_HINTS = {
    ABOVE_CHANCE: "do texts and labels belong together, and is the learning rate right (more epochs, a smaller one)? "
    "Where one class is nearly all, data.metric: macro_f1 or f1:CLASS says more than accuracy (with --fresh), and "
    "distill.class_weights: balanced helps the rare ones; gates.above_chance: false turns this gate off",
    _TEACHER: "more epochs, more student.layers or student.init: teacher bring the student closer; "
    "gates.max_drop_from_teacher is the bound",
    _PER_CLASS: "more rows of this class, or distill.class_weights: balanced; gates.min_per_class: null turns this "
    "gate off",
}
_OTHER_HINT = "the bounds stand in the recipe's section gates; --set gates.KEY=VALUE changes one"


@dataclass(frozen=True)
class Against:
    """What a model is held against, on the same rows.

    Attributes:
        constant: [C] logits of the best constant answer, chosen on training labels.
        name: the same for people, such as "always 'negative'".
        teacher: [N, C] logits; None where there is none.
    """

    constant: Floats
    name: str
    teacher: Floats | None = None


def above_chance(
    model: str, task: Task, logits: Floats, labels: Labels, against: Against, *, required: bool = True
) -> GateResult:
    """Judge whether a model beats the best constant answer beyond chance.

    Where answers given at random score more than any constant, as by macro F1, it must beat these too: its own
    answers, given to other rows. ``undecided`` is a gain whose interval holds 0 and a tenth of the scale, so that these
    rows tell nothing; a gain that can only be small is none.

    Args:
        model: name of the model.
        task: decides the metric.
        logits: [N, C] of the model.
        labels: of the N rows.
        against: the constant answer.
        required: whether it is a gate, or information.
    """
    constant = repeated(against.constant, len(labels))
    change = paired_difference(task, constant, logits, labels)
    loss, (low, high) = change.loss_in_points
    gain, interval = 0.0 - loss, (0.0 - high, 0.0 - low)
    certain = change.is_shown
    facts = task.metric.facts
    beside = f"{against.name} {facts.show(task.score(constant, labels))}"
    guessed = _gain_over_guessing(task, logits, labels)
    if guessed is not None and guessed[0] < gain:
        gain, interval = guessed
        certain = interval[0] > 0
        beside = f"the same answers to other rows {facts.show(task.score(logits, labels) - gain / 100)}"
    verdict: Verdict
    if not required:
        verdict = "info"
    elif gain > 0 and certain:
        verdict = "pass"
    else:
        verdict = "undecided" if gain > 0 and interval[1] >= _TELLING_POINTS else "fail"
    decisions = task.decide(logits)
    same = "; it answers the same to every row" if (decisions == decisions[0]).all() else ""
    detail = f"{facts.title} {facts.show(task.score(logits, labels))}{facts.unit}, {beside}{facts.unit}{same}"
    return GateResult(ABOVE_CHANCE, model, verdict, gain, 0.0 if required else None, len(labels), interval, detail)


def _gain_over_guessing(task: Task, logits: Floats, labels: Labels) -> tuple[float, Interval] | None:
    metric = task.metric
    if (of_guessing := metric.of_guessing) is None:
        return None

    def gain(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return 100 * (metric.of_means(means) - of_guessing(means))

    statistics = task.statistics(logits, labels)
    return float(gain(statistics.mean(axis=0))), bootstrap_interval([statistics[None]], gain)


def quality_gates(
    model: str, task: Task, logits: Floats, labels: Labels, against: Against, gates: Gates, names: Sequence[str]
) -> list[GateResult]:
    """Judge logits [N, C] of a student, or of an exported variant of it, against labels, constant answer and teacher.

    Args:
        model: name of the model.
        task: decides the metric.
        logits: of the model.
        labels: of the rows.
        against: what it is held against.
        gates: the recipe's bounds.
        names: of the classes.
    """
    results = [above_chance(model, task, logits, labels, against, required=gates.above_chance)]
    if against.teacher is not None:
        loss, interval = paired_difference(task, against.teacher, logits, labels).loss_in_points
        bound = gates.max_drop_from_teacher
        results.append(at_most(_TEACHER, model, loss, bound, n=len(labels), interval=interval))
    if gates.min_metric is not None:
        value, interval = task.score(logits, labels), metric_interval(task, logits, labels)
        judge = at_most if task.metric.facts.lower_is_better else at_least
        results.append(judge(task.metric.facts.title, model, value, gates.min_metric, n=len(labels), interval=interval))
    return results + _per_class(model, class_counts(task, logits, labels), gates.min_per_class, names)


def _per_class(
    model: str, counts: Sequence[ClassCounts], bound: float | None, names: Sequence[str]
) -> list[GateResult]:
    """Judge the class of the lowest recall among those with enough rows; nothing where none has enough."""
    # A regression has a name and no class.
    named = zip(counts, names, strict=True) if counts else ()
    judged = [(entry, name) for entry, name in named if entry.labeled >= _FEW_ROWS]
    if not judged:
        return []
    worst, name = min(judged, key=lambda pair: (pair[0].recall, -pair[0].labeled))
    lost = [f"{name!r} ({entry.labeled} rows)" for entry, name in judged if not entry.hits]
    interval = wilson_interval(worst.hits, worst.labeled)
    detail = f"never found: {', '.join(lost)}" if lost else f"{name!r}, {worst.hits} of {worst.labeled} rows"
    found = at_least(_PER_CLASS, model, worst.recall, bound, n=worst.labeled, interval=interval, detail=detail)
    if bound is not None and lost:
        return [GateResult(**{**vars(found), "verdict": "fail"})]
    return [found]


def refused_model(name: str, failed: Iterable[GateResult]) -> GateFailed:
    """Return the error of a model that missed these gates, with what to do."""
    found = list(failed)
    lines = [f"{result.gate}: {_said(result)}" for result in found]
    hints = list(dict.fromkeys(_HINTS.get(result.gate, _OTHER_HINT) for result in found))
    return GateFailed("\n  ".join([f"{name} does not pass the gates on its quality", *lines]), hint="; ".join(hints))


def _said(result: GateResult) -> str:
    if result.gate == ABOVE_CHANCE and result.interval is not None:
        low, high = result.interval
        return (
            f"{result.detail}; {result.figure:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}, {result.n:,} rows"
        )
    bound = "" if result.bound is None else f", bound {result.bound:g}"
    return f"{result.figure:.4g}{bound}" + (f" ({result.detail})" if result.detail else "")

"""How the artifact decides, for the page: thresholds, what it leaves to people, and the errors over what it accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.artifact import Abstain
from ackd_deploy.artifact.decision import deciding_task
from ackd_deploy.report.curves import Plot
from ackd_deploy.run.predictions import Predictions
from ackd_deploy.run.records import ExportRecord
from ackd_deploy.tasks import ProblemType, Task
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["DecisionView", "decision_view", "risk_coverage"]

_MAX_THRESHOLDS = 30


@dataclass(frozen=True)
class DecisionView:
    """What the page shows of the decision.

    Attributes:
        tuned: in a sentence, for what and on what the thresholds were tuned; None where there are none.
        thresholds: label and score from which it applies, at most 30.
        facts: figures of the abstention by name, in words.
        plot: error over coverage.
    """

    tuned: str | None
    thresholds: list[tuple[str, float]]
    facts: dict[str, str]
    plot: Plot | None


def decision_view(
    export: ExportRecord, problem_type: ProblemType, labels: Sequence[str], student: Predictions | None
) -> DecisionView | None:
    """Return what the page shows; None where the largest score, or 1/2 for each label, decides every text.

    Args:
        export: what it recorded.
        problem_type: of the task.
        labels: index to name.
        student: its predictions on the validation rows.
    """
    decision = export.decision
    if decision is None:
        return None
    tuned = None
    if decision.thresholds is not None:
        metric = metric_name(decision.metric or "").title
        tuned = f"Tuned for {metric} on {decision.rows or 0:,} rows that nothing was trained on."
    plot = None
    if decision.abstain is not None and student is not None and student.logits.shape[1] == len(labels):
        temperature = 1.0 if export.calibration is None else export.calibration.temperature
        task = deciding_task(problem_type, labels, temperature, decision)
        plot = _plot(risk_coverage(task, student, temperature), decision.abstain)
    return DecisionView(
        tuned,
        list((decision.thresholds or {}).items())[:_MAX_THRESHOLDS],
        {} if decision.abstain is None else _facts(decision.abstain),
        plot,
    )


def risk_coverage(
    task: Task, saved: Predictions, temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coverage and error among the accepted, in %, for each threshold that accepts at least one row.

    Source: R. El-Yaniv and Y. Wiener, On the Foundations of Noise-free Selective Classification, JMLR 11 (2010).
    """
    confidence = task.confidence(task.activate(saved.logits, temperature))
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(task.row_errors(saved.logits, saved.labels)[order] > 0)
    counts = np.arange(1, len(order) + 1)
    # Rows of equal confidence are accepted together.
    last = np.append(confidence[order][1:] != confidence[order][:-1], True)
    return 100 * counts[last] / len(order), 100 * wrong[last] / counts[last]


def _plot(curve: tuple[NDArray[np.float64], NDArray[np.float64]], abstain: Abstain) -> Plot:
    from ackd_deploy.report.plots import Curve, curves_svg

    level = 100 * (1 - abstain.goal) if abstain.target == "precision" else None
    svg = curves_svg(
        [Curve("student", curve[0].tolist(), curve[1].tolist())],
        title="Errors among the accepted",
        x_label="accepted, % of the validation rows",
        y_label="errors among them, %",
        prefix="riskcoverage",
        level=level,
    )
    note = "the student in PyTorch, the surest rows first" + (
        "; dashed: what was asked for" if level is not None else ""
    )
    return Plot("Errors among the accepted", note, svg)


def _facts(abstain: Abstain) -> dict[str, str]:
    def share(value: float | None, ends: Sequence[float] | None) -> str:
        if value is None or ends is None:
            return "no row was accepted"
        return f"{100 * value:.1f} % ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"

    facts = {
        f"{abstain.target} asked for": f"{100 * abstain.goal:g} %",
        "least confidence of an accepted answer": f"{abstain.threshold:.4g}",
        f"accepted of {abstain.validation_rows:,} validation rows": share(abstain.coverage, abstain.coverage_interval),
        "right among the accepted": share(abstain.precision, abstain.precision_interval),
        "chosen on rows that nothing was trained on": f"{abstain.rows:,}",
    }
    if abstain.bound is not None and abstain.certainty is not None:
        facts[f"precision that these show, {abstain.certainty:.0%} certain"] = f"at least {100 * abstain.bound:.1f} %"
    return facts

"""What every step of one export reads: the run, its rows, the reference, the graph, where to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ackd_deploy.artifact import Decision
from ackd_deploy.export.graph import Graph
from ackd_deploy.export.inputs import Inputs
from ackd_deploy.export.reference import Reference
from ackd_deploy.export.variant_report import STUDENT, TEACHER
from ackd_deploy.recipe import Recipe
from ackd_deploy.run import Run
from ackd_deploy.tasks import Task

__all__ = ["ExportSetting"]


@dataclass(frozen=True, eq=False)
class ExportSetting:
    """One export under way.

    Attributes:
        run: its folder.
        inputs: student and rows.
        reference: the student's answers in PyTorch.
        graph: the exported fp32 graph.
        provider: execution provider to measure on.
        threads: of one run in the gates on quality.
        folder: for files under construction.
    """

    run: Run
    inputs: Inputs
    reference: Reference
    graph: Graph
    provider: str
    threads: int
    folder: Path

    @property
    def distilled(self) -> bool:
        """Whether there is a student beside the teacher."""
        return self.recipe.distill.method != "none"

    @property
    def torch_models(self) -> dict[str, Path]:
        """The models that are timed in PyTorch beside the variants: teacher and student, or the one that there is."""
        teacher = {} if self.recipe.answers_given else {TEACHER: self.run.path("teacher")}
        return {**teacher, **({STUDENT: self.inputs.student} if self.distilled else {})}

    @property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        return self.run.recipe

    @property
    def task(self) -> Task:
        """The task with the recipe's deciding metric, and with the thresholds that the artifact decides by."""
        return self.run.task.with_thresholds(self.reference.thresholds)

    @property
    def decision(self) -> Decision | None:
        """By which thresholds the artifact decides; None where it is by the largest score, or 1/2 for each label."""
        thresholds, rows = self.reference.thresholds, self.inputs.tuning
        if thresholds is None or rows is None:
            return None
        return Decision(
            thresholds=thresholds.by_label(self.inputs.labels), metric=self.task.metric.name, rows=len(rows)
        )

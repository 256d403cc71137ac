"""One variant, from its file to its record in run.json: the type that grows through an export."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.gates import GateResult, failures
from ackd_deploy.check.latency import Timing
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.recipe import Recipe
from ackd_deploy.run.records import SliceRecord, VariantRecord
from ackd_deploy.runtime.engines.session import is_cpu
from ackd_deploy.tasks.intervals import Interval

__all__ = ["STUDENT", "TEACHER", "VariantReport"]

# Names of the two PyTorch models in times and ratios.
TEACHER, STUDENT = "teacher", "student"


@dataclass(eq=False)
class VariantReport:
    """One variant on its way through an export: built, then checked, then timed; each step adds what it found.

    Attributes:
        name: as in the recipe.
        built: its file; None where it could not be built.
        problem: why it could not be built, or not loaded.
        logits: [N, C] of the validation rows, labels in the recipe's order; None where it could not be run.
    """

    name: str
    built: BuiltVariant | None = None
    problem: str | None = None
    logits: npt.NDArray[np.float32] | None = None
    results: list[GateResult] = field(default_factory=list)
    metric: float | None = None
    interval: Interval | None = None
    rows: int | None = None
    size_bytes: int | None = None
    timings: dict[str, Timing] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    slices: dict[str, SliceRecord] = field(default_factory=dict)

    def refusals(self, recipe: Recipe) -> list[str]:
        """Why this variant is refused; empty where it passes."""
        reasons = [result.reason() for result in failures(self.results, recipe.gates.undecided)]
        return ([self.problem] if self.problem else []) + reasons

    def reserved(self, provider: str) -> bool:
        """Whether it is meant for GPUs and was judged on a CPU, for its answers alone."""
        return self.built is not None and self.built.for_gpu and is_cpu(provider)

    def undecided(self) -> list[str]:
        """What its rows were too few to decide."""
        return [result.reason() for result in self.results if result.verdict == "undecided"]

    def record(self, recipe: Recipe) -> VariantRecord:
        """Return it as run.json holds it."""
        refusals, open_questions = self.refusals(recipe), self.undecided()
        built = self.built
        return VariantRecord(
            name=self.name,
            metric=self.metric,
            interval=self.interval,
            rows=self.rows,
            size_mb=None if self.size_bytes is None else self.size_bytes / 1e6,
            latency_ratio=self.ratios.get(f"{recipe.export.workload} to {TEACHER}"),
            latency_ratios=self.ratios,
            verdict="fail" if refusals else ("undecided" if open_questions else "pass"),
            reasons=refusals or open_questions,
            engine=built.engine if built else None,
            precision=built.precision if built else None,
            for_gpu=bool(built and built.for_gpu),
            batch_sensitive=bool(built and built.batch_sensitive),
            note=built.note if built else "",
            timings={name: timing.record() for name, timing in self.timings.items()},
            slices=self.slices,
            gates=[result.record() for result in self.results],
        )

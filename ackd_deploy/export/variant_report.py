"""All gates of one variant, through the runtime that will serve it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.accuracy import accuracy_gates, slices
from ackd_deploy.check.fusion import expected_fusion, fusion_gate
from ackd_deploy.check.gates import GateResult, at_most, failures, inform
from ackd_deploy.check.invariance import invariance_gates
from ackd_deploy.check.latency import Timing, ratio_interval
from ackd_deploy.check.parity import parity_gate, spread_by_length
from ackd_deploy.errors import ArtifactError, EnvironmentProblem
from ackd_deploy.export.graph import Graph
from ackd_deploy.export.inputs import Inputs
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.recipe import Recipe
from ackd_deploy.run.records import Interval, SliceRecord, VariantRecord
from ackd_deploy.runtime import Classifier, open_engine
from ackd_deploy.runtime.engines.session import is_cpu
from ackd_deploy.runtime.tokenizer import TextTokenizer
from ackd_deploy.tasks.intervals import metric_interval

__all__ = ["VariantReport", "judge", "judge_latency", "variant_record"]

_INVARIANCE_ROWS = 128


@dataclass
class VariantReport:
    """What was found of one variant; ``problem`` where it could not even be built or loaded."""

    name: str
    built: BuiltVariant | None = None
    results: list[GateResult] = field(default_factory=list)
    metric: float | None = None
    interval: Interval | None = None
    rows: int | None = None
    size_bytes: int | None = None
    timings: dict[str, Timing] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    slices: dict[str, SliceRecord] = field(default_factory=dict)
    problem: str | None = None

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


def judge(
    built: BuiltVariant,
    artifact: Path,
    graph: Graph,
    inputs: Inputs,
    recipe: Recipe,
    student_logits: npt.NDArray[np.float32],
    *,
    provider: str,
    threads: int,
) -> VariantReport:
    """Run every gate but latency.

    Args:
        built: the variant.
        artifact: the provisional artifact that holds it.
        graph: the exported graph.
        inputs: student and rows.
        recipe: bounds and batch size.
        student_logits: [N, C] of the validation rows, in PyTorch.
        provider: execution provider to measure on.
        threads: threads of one run.
    """
    gates = recipe.gates
    found = VariantReport(built.name, built, size_bytes=built.path.stat().st_size)
    found.results.append(_size(built, gates.max_size_mb))
    if built.engine == "openvino" and not is_cpu(provider):
        found.problem = f"OpenVINO runs on the CPU here, and the export is judged on {provider}"
        return found
    if built.claims_fusion:
        expected = expected_fusion(graph.model_type, graph.layers)
        found.results.append(fusion_gate(built.name, built.fused, expected, required=gates.require_fusion))
    try:
        if built.precision == "fp32":
            found.results.append(_parity(built, graph, inputs, recipe, student_logits, provider, threads))
        classifier = Classifier.load(artifact, provider=provider, threads=threads, variant=built.name)
    except (ArtifactError, EnvironmentProblem) as error:
        if isinstance(error, EnvironmentProblem) and built.engine == "onnxruntime":
            # Without its provider nothing can be judged; a second engine that fails takes only its variant along.
            raise
        found.problem = f"cannot be loaded: {error.message}"
        return found
    tokens = classifier.tokenize(inputs.texts)
    logits = classifier.run_sorted(tokens, recipe.export.max_batch)
    task, labels = recipe.data.task, inputs.validation.labels
    # By name: an artifact whose labels changed places must fail here, and not agree with itself.
    by_name = logits[:, [classifier.manifest.labels.index(name) for name in inputs.labels]]
    if built.precision != "fp32":
        # 8 or 16 bits cannot keep logits within 1e-4: the figure is shown, and the answers are judged.
        found.results.append(inform("parity", built.name, float(np.abs(by_name - student_logits).max()), n=len(labels)))
    found.metric, found.rows = task.score(by_name, labels), len(labels)
    found.interval = metric_interval(task, by_name, labels)
    found.results += accuracy_gates(built.name, task, student_logits, by_name, labels, gates)
    lengths = [len(row.ids) for row in tokens]
    found.slices = slices(task, by_name, labels, np.array(lengths), inputs.labels)
    sample = [tokens[row] for row in spread_by_length(lengths, _INVARIANCE_ROWS)]
    found.results += invariance_gates(
        classifier,
        sample,
        max_batch=recipe.export.max_batch,
        max_flips=gates.invariance_max_flips,
        max_score_change=gates.invariance_max_score_change,
        seed=recipe.seed,
    )
    return found


def _parity(
    built: BuiltVariant,
    graph: Graph,
    inputs: Inputs,
    recipe: Recipe,
    student_logits: npt.NDArray[np.float32],
    provider: str,
    threads: int,
) -> GateResult:
    tokens = TextTokenizer(inputs.student / "tokenizer.json", inputs.max_length).encode(inputs.texts)
    rows = spread_by_length([len(row.ids) for row in tokens], recipe.gates.parity_rows)
    session = open_engine(built.path, built.engine, provider, threads, built.precision)
    return parity_gate(
        built.name,
        session,
        [tokens[row] for row in rows],
        student_logits[rows],
        recipe.gates.parity_max_abs_diff,
        inputs=graph.inputs,
        pad_id=inputs.pad_id,
        max_batch=recipe.export.max_batch,
    )


def _size(built: BuiltVariant, bound: float | None) -> GateResult:
    return at_most("size MB", built.name, built.path.stat().st_size / 1e6, bound)


def judge_latency(
    found: VariantReport, workload: str, timings: dict[str, Timing], base: str, recipe: Recipe, others: Sequence[str]
) -> None:
    """Add the ratios of one workload; only that of the recipe's workload to the teacher has a bound."""
    mine = timings.get(found.name)
    if mine is None:
        return
    found.timings[workload] = mine
    ratio, interval = ratio_interval(mine, timings[base])
    found.ratios[f"{workload} to {base}"] = ratio
    bound = recipe.gates.max_latency_ratio if workload == recipe.export.workload else None
    found.results.append(
        at_most(f"latency {workload} / {base}", found.name, ratio, bound, n=len(mine.rounds), interval=interval)
    )
    for other in others:
        found.ratios[f"{workload} to {other}"] = ratio_interval(mine, timings[other])[0]


def variant_record(found: VariantReport, recipe: Recipe, teacher: str) -> VariantRecord:
    """Return the variant as run.json holds it."""
    refusals, open_questions = found.refusals(recipe), found.undecided()
    built = found.built
    return VariantRecord(
        name=found.name,
        metric=found.metric,
        interval=found.interval,
        rows=found.rows,
        size_mb=None if found.size_bytes is None else found.size_bytes / 1e6,
        latency_ratio=found.ratios.get(f"{recipe.export.workload} to {teacher}"),
        latency_ratios=found.ratios,
        verdict="fail" if refusals else ("undecided" if open_questions else "pass"),
        reasons=refusals or open_questions,
        engine=built.engine if built else None,
        precision=built.precision if built else None,
        for_gpu=bool(built and built.for_gpu),
        batch_sensitive=bool(built and built.batch_sensitive),
        note=built.note if built else "",
        timings={name: timing.record() for name, timing in found.timings.items()},
        slices=found.slices,
        gates=[result.record() for result in found.results],
    )

"""``export``: graph, variants, gates, choice, artifact. Each can stop the line."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ackd_deploy import console
from ackd_deploy.artifact import Manifest, seal, write_artifact
from ackd_deploy.check.latency import System, Timing, measure, workload_texts
from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.errors import AckdError, ArtifactError, GateFailed, MissingExtra, first_line
from ackd_deploy.export.graph import Graph, export_graph
from ackd_deploy.export.inputs import Inputs, calibration_feeds, check_student, gather
from ackd_deploy.export.packaging import copy_reader_files, golden_samples, graph_files, make_manifest
from ackd_deploy.export.selection import choose
from ackd_deploy.export.table import variants_table
from ackd_deploy.export.variant_report import VariantReport, judge, judge_latency, variant_record
from ackd_deploy.export.variants import BuiltVariant, build_variant
from ackd_deploy.files import sha256_file
from ackd_deploy.run import EXPORT, Run
from ackd_deploy.run.records import CalibrationRecord, ExportRecord, LatencyRecord, VariantRecord
from ackd_deploy.runtime import Classifier, cpu_info, effective_cpus
from ackd_deploy.runtime.tokenizer import TextTokenizer
from ackd_deploy.tasks.activations import softmax
from ackd_deploy.tasks.calibration import expected_calibration_error, fit_temperature
from ackd_deploy.tasks.text import Text

__all__ = ["export_run"]

TEACHER, STUDENT = "teacher", "student"


def export_run(run: Run, *, provider: str = "cpu", table: bool = True) -> Path:
    """Export the run's student, gate every variant of the recipe, and write the artifact.

    The caller holds the run's lock. The stage ``export`` of run.json is done only when an artifact was
    written; where nothing passes, what was measured is kept there, and an older artifact stays as it was.

    Args:
        run: its student is finished.
        provider: execution provider on which every variant is judged.
        table: print the table of variants on stdout.

    Returns:
        The artifact's folder, ``artifact`` in the run's.

    Raises:
        GateFailed: no variant passes; the table on stdout says why.
        AckdError: other subclasses, for everything that a user can mend.
    """
    started = time.monotonic()
    run.start(EXPORT)
    with tempfile.TemporaryDirectory(prefix=".tmp-export-", dir=run.folder) as name:
        work = Path(name)
        inputs = gather(run)
        student_logits, student_metrics, temperature = _student(run, inputs)
        console.log("exporting the graph")
        graph = export_graph(inputs.student, work / "raw.onnx", run.recipe.export.engine)
        built, judgments = _build_all(run, graph, inputs, work)
        artifact = _provisional(run, graph, inputs, built, work / "artifact", temperature)
        threads = effective_cpus()
        for variant in built:
            console.log(f"checking {variant.name}")
            judgments.append(
                judge(variant, artifact, graph, inputs, run.recipe, student_logits, provider=provider, threads=threads)
            )
        order = run.recipe.export.variants
        judgments.sort(key=lambda found: order.index(found.name))  # type: ignore[arg-type]
        references = _latency(run, inputs, judgments, artifact, provider)
        chosen = choose(judgments, run.recipe, provider)
        rows = [variant_record(found, run.recipe, TEACHER) for found in judgments]
        record = _record(run, inputs, rows, chosen, student_metrics, references, graph, provider)
        if table:
            _print(run, inputs, record)
        if chosen is None:
            # The report shows which bound was missed, and by how much.
            run.fail(EXPORT, record)
            raise _refusal(run, rows)
        winner = Classifier.load(artifact, provider, variant=chosen.name)
        calibration = _calibration(inputs, winner, temperature)
        final = _write(run, inputs, graph, judgments, winner, rows, temperature)
    ended = {"calibration": calibration, "seconds": time.monotonic() - started, "artifact": final.name}
    run.finish(EXPORT, record.model_copy(update=ended))
    return final


def _student(run: Run, inputs: Inputs) -> tuple[npt.NDArray[np.float32], dict[str, float], float]:
    """The reference: the student's logits in PyTorch, its metrics, and the temperature to ship."""
    console.log(f"reference: the student in PyTorch on {len(inputs.validation):,} validation rows")
    model = TorchClassifier(inputs.student, inputs.max_length, _idle_cpus())
    logits = model.logits(inputs.texts)
    found = check_student(run, logits, inputs)
    temperature = 1.0
    if run.recipe.export.fit_temperature and run.recipe.data.task.exclusive:
        temperature = fit_temperature(model.logits(inputs.calibration.items), inputs.calibration.labels)
    return logits, found, temperature


def _idle_cpus() -> int:
    # PyTorch's threads spin while they wait for each other: beside other work, two are slower than one.
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, effective_cpus() - round(busy))


def _build_all(run: Run, graph: Graph, inputs: Inputs, work: Path) -> tuple[list[BuiltVariant], list[VariantReport]]:
    tokenizer = TextTokenizer(inputs.student / "tokenizer.json", inputs.max_length)
    calibration = calibration_feeds(inputs, tokenizer, graph.inputs)
    features = cpu_info().features
    built, broken = [], []
    for name in dict.fromkeys(run.recipe.export.variants):
        console.log(f"building {name}")
        try:
            built.append(build_variant(name, graph, work, calibration, features, run.recipe.gates.min_agreement))
        except MissingExtra as error:
            if name == "fp32":
                raise
            broken.append(VariantReport(name, problem=f"{error.message} ({error.hint})"))
        except (AckdError, NameError):
            raise
        except Exception as error:
            if name == "fp32":
                raise
            # ONNX Runtime's tools fail on some graphs, each with errors of its own: that refuses this variant.
            broken.append(
                VariantReport(name, problem=f"cannot be built: {type(error).__name__}: {first_line(error, 200)}")
            )
    return built, broken


def _provisional(
    run: Run, graph: Graph, inputs: Inputs, built: Sequence[BuiltVariant], folder: Path, temperature: float
) -> Path:
    """Write an artifact with all variants, to be measured through the runtime."""
    if not built:
        raise GateFailed("no variant could be built")
    folder.mkdir()
    copy_reader_files(inputs.student, folder)
    _place(built, built[0].name, folder)
    seal(folder, make_manifest(run, inputs, graph, built, built[0].name, temperature=temperature))
    return folder


def _place(built: Sequence[BuiltVariant], chosen: str, folder: Path) -> None:
    files = graph_files(built, chosen)
    for path, name in {variant.path: files[variant.name] for variant in built}.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)


def _latency(
    run: Run, inputs: Inputs, judgments: list[VariantReport], artifact: Path, provider: str
) -> dict[str, dict[str, Timing]]:
    """Time teacher, student and every variant that loads; returns the PyTorch timings by workload."""
    export = run.recipe.export
    tokenizer = TextTokenizer(inputs.student / "tokenizer.json", inputs.max_length)
    lengths = [len(row.ids) for row in tokenizer.encode(inputs.texts)]
    systems = [
        System(TEACHER, "torch", run.path("teacher"), inputs.max_length),
        System(STUDENT, "torch", inputs.student, inputs.max_length),
        *(
            System(found.name, "artifact", artifact, inputs.max_length, found.name)
            for found in judgments
            if found.problem is None and not found.reserved(provider)
        ),
    ]
    console.log("latency, one text at a time and in batches")
    workloads: dict[str, tuple[list[Text], int]] = {
        "single": (workload_texts(inputs.texts, lengths, "single", 1), 1),
        "batch": (workload_texts(inputs.texts, lengths, "batch", export.max_batch), export.max_batch),
    }
    timings = measure(
        systems, workloads, rounds=export.latency_rounds, threads=export.latency_threads, provider=provider
    )
    every = effective_cpus()
    if export.latency_all_threads and every != export.latency_threads:
        # Only for the table, so a few rounds will do.
        more = measure(
            systems,
            workloads,
            rounds=min(5, export.latency_rounds),
            threads=every,
            provider=provider,
            budget_seconds=3.0,
        )
        timings |= {f"{workload}, {_threads(every)}": found for workload, found in more.items()}
    for workload, found in timings.items():
        others = [STUDENT, *(name for name in ("fp32",) if name in found)]
        for judgment in judgments:
            judge_latency(judgment, workload, found, TEACHER, run.recipe, others)
    return {workload: {name: found[name] for name in (TEACHER, STUDENT)} for workload, found in timings.items()}


def _record(
    run: Run,
    inputs: Inputs,
    rows: list[VariantRecord],
    chosen: VariantReport | None,
    student_metrics: dict[str, float],
    references: dict[str, dict[str, Timing]],
    graph: Graph,
    provider: str,
) -> ExportRecord:
    student = references[run.recipe.export.workload]
    ratio = student[STUDENT].seconds / student[TEACHER].seconds
    methods = [*run.recipe.distill.baselines, run.recipe.distill.method]
    return ExportRecord(
        variants=rows,
        chosen=chosen.name if chosen else None,
        workload=run.recipe.export.workload,
        metric=run.recipe.data.task.metric.name,
        student=student_metrics,
        validation_rows=len(inputs.validation),
        latency=LatencyRecord(
            # Students of all methods are one network with other weights, so they take the same time.
            ratios={TEACHER: 1.0, **dict.fromkeys(methods, ratio)},
            torch={w: {name: timing.record() for name, timing in found.items()} for w, found in references.items()},
            threads=run.recipe.export.latency_threads,
            all_threads=effective_cpus(),
        ),
        engine=graph.engine,
        opset=graph.opset,
        provider=provider,
        cpu=cpu_info(),
    )


def _print(run: Run, inputs: Inputs, record: ExportRecord) -> None:
    metric = record.metric
    note = (
        f"{metric} and agreement with the student in % of {len(inputs.validation):,} validation rows; time over that "
        f"of the teacher in PyTorch, {_threads(run.recipe.export.latency_threads)}, {record.cpu.model}; "
        f"chosen for {'one text at a time' if record.workload == 'single' else 'batches'}"
    )
    console.print_table(
        variants_table(
            record.variants,
            metric=metric,
            student_metric=record.student[metric],
            chosen=record.chosen,
            teacher=TEACHER,
            note=note,
            all_threads=record.latency.all_threads,
        )
    )


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _refusal(run: Run, rows: list[VariantRecord]) -> GateFailed:
    lines = [f"{row.name}: {'; '.join(row.reasons) or 'meant for GPUs'}" for row in rows]
    old = run.path("artifact")
    kept = f"; the older artifact in {old} is untouched" if old.exists() else ""
    return GateFailed(
        "\n  ".join([f"no variant passes its gates, so no artifact was written{kept}", *lines]),
        hint="the bounds stand in the recipe's section gates; --set gates.KEY=VALUE changes one",
    )


def _calibration(inputs: Inputs, chosen: Classifier, temperature: float) -> CalibrationRecord:
    """ECE of the chosen variant on the validation rows, without and with the fitted temperature."""
    if not inputs.validation.task.exclusive:
        return CalibrationRecord(temperature=temperature, ece_before=None, ece_after=None)
    logits = chosen.logits(inputs.texts)
    labels = inputs.validation.labels
    return CalibrationRecord(
        temperature=temperature,
        ece_before=expected_calibration_error(softmax(logits), labels),
        ece_after=expected_calibration_error(softmax(logits, temperature), labels),
    )


def _write(
    run: Run,
    inputs: Inputs,
    graph: Graph,
    judgments: Sequence[VariantReport],
    chosen: Classifier,
    rows: list[VariantRecord],
    temperature: float,
) -> Path:
    """Write the artifact: the winner, and the others that passed."""
    passing = [found.built for found in judgments if found.built and not found.refusals(run.recipe)]
    golden = golden_samples(chosen, inputs.texts, run.recipe.export.golden_samples)
    weights = inputs.student / "model.safetensors"
    if not weights.is_file():
        raise ArtifactError(f"{weights} is missing")

    def build(folder: Path) -> Manifest:
        copy_reader_files(inputs.student, folder)
        _place(passing, chosen.variant.name, folder)
        gates = [gate.model_dump(mode="json") for row in rows for gate in row.gates]
        provenance: dict[str, object] = {"student_sha256": sha256_file(weights)}
        return make_manifest(
            run,
            inputs,
            graph,
            passing,
            chosen.variant.name,
            gates=gates,
            golden=golden,
            temperature=temperature,
            provenance=provenance,
        )

    final = run.path("artifact")
    write_artifact(final, build)
    return final

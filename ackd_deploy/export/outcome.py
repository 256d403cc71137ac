"""What an export found, as run.json holds it, as the table on stdout, and as the error where nothing passed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ackd_deploy import console
from ackd_deploy.check.latency import Timing
from ackd_deploy.errors import GateFailed
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.export.table import variants_table
from ackd_deploy.export.timing import in_words
from ackd_deploy.export.variant_report import STUDENT, TEACHER, VariantReport
from ackd_deploy.run.records import CalibrationRecord, ExportRecord, LatencyRecord
from ackd_deploy.runtime import cpu_info, effective_cpus
from ackd_deploy.tasks.activations import softmax
from ackd_deploy.tasks.calibration import expected_calibration_error
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["calibration_record", "export_record", "print_variants", "refusal"]


def export_record(
    reports: Sequence[VariantReport],
    chosen: VariantReport | None,
    references: dict[str, dict[str, Timing]],
    setting: ExportSetting,
) -> ExportRecord:
    """Return the record of an export, without what only a written artifact has."""
    recipe, graph = setting.recipe, setting.graph
    times = references[recipe.export.workload]
    ratios = {TEACHER: 1.0} if TEACHER in times else {}
    if TEACHER in times and setting.distilled:
        # Students of all methods are one network with other weights, so they take the same time.
        ratio = times[STUDENT].seconds / times[TEACHER].seconds
        ratios |= dict.fromkeys([*recipe.distill.baselines, recipe.distill.method], ratio)
    return ExportRecord(
        variants=[report.record(recipe) for report in reports],
        chosen=chosen.name if chosen else None,
        workload=recipe.export.workload,
        metric=setting.task.metric.name,
        student=setting.reference.metrics,
        validation_rows=len(setting.inputs.validation),
        decision=setting.decision,
        latency=LatencyRecord(
            ratios=ratios,
            torch={w: {name: timing.record() for name, timing in found.items()} for w, found in references.items()},
            threads=recipe.export.latency_threads,
            all_threads=effective_cpus(),
        ),
        engine=graph.engine,
        opset=graph.opset,
        provider=setting.provider,
        cpu=cpu_info(),
    )


def calibration_record(logits: npt.NDArray[np.float32], setting: ExportSetting) -> CalibrationRecord:
    """ECE of the chosen variant's logits [N, C] on the validation rows, without its graph's temperature and with it."""
    inputs, temperature = setting.inputs, setting.reference.graph_temperature
    if not inputs.validation.task.exclusive:
        return CalibrationRecord(temperature=temperature, ece_before=None, ece_after=None)
    labels = inputs.validation.labels
    return CalibrationRecord(
        temperature=temperature,
        ece_before=expected_calibration_error(softmax(logits, 1.0 / temperature), labels),
        ece_after=expected_calibration_error(softmax(logits), labels),
    )


def print_variants(record: ExportRecord, *, distilled: bool, local_teacher: bool = True) -> None:
    """Print the table of variants on stdout.

    Args:
        record: of the export.
        distilled: whether teacher and student are two models.
        local_teacher: whether there is a teacher to take the time of.
    """
    student, teacher = ("student", "teacher") if distilled else ("classifier", "classifier")
    over = f"over that of the {teacher} in PyTorch" if local_teacher else "in ms alone, since there is no teacher"
    note = (
        f"{metric_name(record.metric).described} and agreement with the {student} in % of {record.validation_rows:,} "
        "validation rows; time "
        f"{over}, {in_words(record.latency.threads)}, {record.cpu.model}; "
        f"chosen for {'one text at a time' if record.workload == 'single' else 'batches'}"
    )
    console.print_table(
        variants_table(
            record.variants,
            metric=record.metric,
            student=f"{student}, PyTorch",
            student_metric=record.student[record.metric],
            chosen=record.chosen,
            teacher=TEACHER,
            note=note,
            all_threads=record.latency.all_threads,
        )
    )


def refusal(record: ExportRecord, setting: ExportSetting) -> GateFailed:
    """Return the error of an export in which nothing passed."""
    lines = []
    for row in record.variants:
        aside = "meant for GPUs" if row.for_gpu else "passes, and fp32, which other processors fall back to, does not"
        lines.append(f"{row.name}: {'; '.join(row.reasons) or aside}")
    old = setting.run.path("artifact")
    kept = f"; the older artifact in {old} is untouched" if old.exists() else ""
    return GateFailed(
        "\n  ".join([f"no variant passes its gates, so no artifact was written{kept}", *lines]),
        hint="the bounds stand in the recipe's section gates; --set gates.KEY=VALUE changes one",
    )

"""Latency of all variants beside teacher and student in PyTorch, in one interleaved measurement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ackd_deploy.check.gates import at_most
from ackd_deploy.check.latency import System, Timing, measure, ratio_interval, workload_texts
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.export.variant_report import STUDENT, TEACHER, VariantReport
from ackd_deploy.recipe import Recipe
from ackd_deploy.runtime import effective_cpus
from ackd_deploy.tasks.text import Text

__all__ = ["in_words", "judge_latency", "time_variants"]

# Beside the measurement that decides, the one with every thread is for the table: a few rounds will do.
_TABLE_ROUNDS = 5
_TABLE_SECONDS = 3.0


def time_variants(
    reports: Sequence[VariantReport], setting: ExportSetting, artifact: Path
) -> dict[str, dict[str, Timing]]:
    """Time teacher, student and every variant that loads, and add the ratios to the reports.

    Args:
        reports: checked.
        setting: the export.
        artifact: the provisional artifact that holds the variants.

    Returns:
        The timings of the PyTorch models by workload.
    """
    export, inputs = setting.recipe.export, setting.inputs
    systems = [
        *(
            System(name, "torch", folder, inputs.max_length, rule=inputs.tokenizer.rule)
            for name, folder in setting.torch_models.items()
        ),
        *(
            System(report.name, "artifact", artifact, inputs.max_length, report.name)
            for report in reports
            if report.problem is None and not report.reserved(setting.provider)
        ),
    ]
    workloads: dict[str, tuple[list[Text], int]] = {
        "single": (workload_texts(inputs.texts, inputs.lengths, "single", 1), 1),
        "batch": (workload_texts(inputs.texts, inputs.lengths, "batch", export.max_batch), export.max_batch),
    }
    timings = measure(
        systems, workloads, rounds=export.latency_rounds, threads=export.latency_threads, provider=setting.provider
    )
    every = effective_cpus()
    if export.latency_all_threads and every != export.latency_threads:
        more = measure(
            systems,
            workloads,
            rounds=min(_TABLE_ROUNDS, export.latency_rounds),
            threads=every,
            provider=setting.provider,
            budget_seconds=_TABLE_SECONDS,
        )
        timings |= {f"{workload}, {in_words(every)}": found for workload, found in more.items()}
    for workload, found in timings.items():
        for report in reports:
            judge_latency(report, workload, found, setting.recipe)
    return {
        workload: {name: found[name] for name in (TEACHER, STUDENT) if name in found}
        for workload, found in timings.items()
    }


def judge_latency(report: VariantReport, workload: str, timings: dict[str, Timing], recipe: Recipe) -> None:
    """Add the ratios of one workload; only that of the recipe's workload to the teacher has a bound.

    Where soft labels were the teacher there is no time of a teacher, and nothing to bound.
    """
    mine = timings.get(report.name)
    if mine is None:
        return
    report.timings[workload] = mine
    if TEACHER in timings:
        ratio, interval = ratio_interval(mine, timings[TEACHER])
        report.ratios[f"{workload} to {TEACHER}"] = ratio
        bound = recipe.gates.max_latency_ratio if workload == recipe.export.workload else None
        report.results.append(
            at_most(f"latency {workload} / {TEACHER}", report.name, ratio, bound, n=len(mine.rounds), interval=interval)
        )
    for other in (STUDENT, "fp32"):
        if other in timings:
            report.ratios[f"{workload} to {other}"] = ratio_interval(mine, timings[other])[0]


def in_words(threads: int) -> str:
    """Say a number of threads.

    >>> in_words(1), in_words(2)
    ('1 thread', '2 threads')
    """
    return f"{threads} thread{'s' if threads > 1 else ''}"

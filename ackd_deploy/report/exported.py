"""What the export recorded, laid out for the page: times by workload in words, slices by variant, calibration."""

from __future__ import annotations

from dataclasses import dataclass

from ackd_deploy.run.records import ExportRecord, TimingRecord, VariantRecord
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["SliceTable", "Times", "calibration_figures", "slice_table", "torch_timings", "variant_timings", "variants"]

WORKLOADS = {"single": "one text at a time", "batch": "in batches"}

Times = dict[str, TimingRecord]
"""Workload, in words, to figures."""


@dataclass(frozen=True)
class SliceTable:
    """Rows are slices (name, what is measured, number of rows, a shown value for each variant)."""

    variants: list[str]
    slices: list[tuple[str, str, int, list[str]]]


def variants(export: ExportRecord) -> list[VariantRecord]:
    """The variants of the export; the chosen one first, then the others in the recipe's order."""
    return sorted(export.variants, key=lambda variant: variant.name != export.chosen)


def variant_timings(variant: VariantRecord) -> Times:
    """Times of one variant."""
    return {WORKLOADS.get(workload, workload): timing for workload, timing in variant.timings.items()}


def torch_timings(export: ExportRecord) -> dict[str, Times]:
    """Times of teacher and student in PyTorch: model -> workload -> figures."""
    found: dict[str, Times] = {}
    for workload, models in export.latency.torch.items():
        for name, timing in models.items():
            found.setdefault(f"{name} in PyTorch", {})[WORKLOADS.get(workload, workload)] = timing
    return found


def slice_table(export: ExportRecord) -> SliceTable | None:
    """The metric by length and by label for each variant; None where none was measured."""
    measured = {variant.name: variant.slices for variant in export.variants if variant.slices}
    # All variants answered the same rows, so a slice has the same size in each.
    known = {
        name: (metric_name(found.metric), found.rows) for slices in measured.values() for name, found in slices.items()
    }
    if not known:
        return None
    table = []
    for name, (facts, rows) in known.items():
        entries = [slices.get(name) for slices in measured.values()]
        shown = [facts.show(None if entry is None else entry.value) for entry in entries]
        table.append((name, facts.heading, rows, shown))
    return SliceTable(list(measured), table)


def calibration_figures(export: ExportRecord) -> dict[str, float]:
    """The temperature that the artifact divides logits by, and what it does to the calibration error."""
    if export.calibration is None:
        return {}
    figures = {
        "temperature in the artifact": export.calibration.temperature,
        "calibration error of the served variant without it": export.calibration.ece_before,
        "with it": export.calibration.ece_after,
    }
    return {words: value for words, value in figures.items() if value is not None}

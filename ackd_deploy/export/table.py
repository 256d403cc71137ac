"""The table of all variants, with the reason of each refusal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ackd_deploy.run.records import VariantRecord
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["variants_table"]

_COLORS = {"pass": "green", "fail": "red", "undecided": "yellow"}


def variants_table(
    rows: Sequence[VariantRecord],
    *,
    metric: str,
    student: str,
    student_metric: float,
    chosen: str | None,
    teacher: str,
    note: str,
    all_threads: int,
) -> RenderableType:
    """Render the variants as a table, with what was refused or left open below it.

    Where variants were timed with ``all_threads`` too, these ratios stand in a table of their own: one table would be
    too wide for a terminal of 80 columns.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=note, caption_justify="left")
    facts = metric_name(metric)
    for name in ("variant", facts.title, "agree", "MB", "1 text", "batch", "p50 ms", "gates"):
        table.add_column(name, justify="left" if name in ("variant", "gates") else "right", no_wrap=True)
    table.add_row(student, facts.show(student_metric), *["-"] * 5, "-", style="dim")
    for row in rows:
        served = row.name == chosen
        agreement, single = row.gate("agreement"), row.timings.get("single")
        table.add_row(
            Text(row.name, style="bold" if served else ""),
            facts.show(row.metric),
            _figure(agreement.figure if agreement else None, 100, 1),
            _figure(row.size_mb, 1, 1),
            _figure(row.latency_ratios.get(f"single to {teacher}"), 1, 2),
            _figure(row.latency_ratios.get(f"batch to {teacher}"), 1, 2),
            _figure(single.p50_ms if single else None, 1, 2),
            Text(row.verdict + (", served" if served else _aside(row)), style=_COLORS[row.verdict]),
        )
    reasons = [Text(f"{row.name}: {'; '.join(row.reasons)}", style="dim") for row in rows if row.reasons]
    return Group(table, *_with_all_threads(rows, teacher, all_threads), *reasons)


def _with_all_threads(rows: Sequence[VariantRecord], teacher: str, threads: int) -> list[RenderableType]:
    single, batch = (f"{workload}, {threads} threads to {teacher}" for workload in ("single", "batch"))
    timed = [row for row in rows if single in row.latency_ratios]
    if not timed:
        return []
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"{threads} threads each", title_justify="left")
    table.add_column("variant", no_wrap=True)
    for name in ("1 text", "batch"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in timed:
        table.add_row(row.name, *(_figure(row.latency_ratios.get(key), 1, 2) for key in (single, batch)))
    return [table]


def _aside(row: VariantRecord) -> str:
    return ", for GPUs" if row.for_gpu else ""


def _figure(value: float | None, factor: float, digits: int) -> str:
    return "-" if value is None else f"{factor * value:.{digits}f}"

"""An ablation as a table, CSV, JSON and a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from ackd_deploy.experiments.comparison import REFERENCES
from ackd_deploy.experiments.records import GapRecord, MethodRecord
from ackd_deploy.files import atomic_file, write_json, write_text
from ackd_deploy.tasks.metric_names import MetricName, metric_name

__all__ = ["ablation_json", "ablation_table", "write_ablation"]


def ablation_table(rows: Sequence[MethodRecord], *, title: str) -> Table:
    """Return the printed table; shares and their differences in % and points."""
    table, facts = Table(title=title), metric_name(rows[0].metric)
    table.add_column("method")
    table.add_column(f"{facts.title} (mean ± sd)", justify="right")
    table.add_column("seeds", justify="right")
    for reference in REFERENCES:
        table.add_column(f"vs {reference} [95 %]", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right")
    for row in rows:
        spread = "" if row.std is None else f" ± {facts.show(row.std, 2)}"
        gaps = [_gap(row.differences[name], facts) if name in row.differences else "" for name in REFERENCES]
        method = row.method + (" (not above chance)" if row.above_chance is False else "")
        table.add_row(method, f"{facts.show(row.mean, 2)}{spread}", str(len(row.seeds)), *gaps, f"{row.seconds:.0f}")
    return table


def _gap(gap: GapRecord, facts: MetricName) -> str:
    mark = " *" if gap.beyond_noise else ""
    mean, low, high = (facts.show_difference(value, 2) for value in (gap.mean, gap.low, gap.high))
    return f"{mean} [{low}, {high}]{mark}"


def ablation_json(results: Mapping[str, Sequence[MethodRecord]], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``facts`` and results as plain JSON data."""
    return {**facts, **{rows: [record.model_dump(mode="json") for record in found] for rows, found in results.items()}}


def write_ablation(results: Mapping[str, Sequence[MethodRecord]], facts: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write results.json, results.csv (one line for each training) and results.svg.

    Args:
        results: what `compare_series` returned for the ``validation`` rows, and others by name.
        facts: further content of the JSON.
        folder: for the three files.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", ablation_json(results, facts))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rows", "method", "seed", results["validation"][0].metric])
    for held_out, rows in results.items():
        for row in rows:
            values = zip(row.seeds, row.values, strict=True)
            writer.writerows([held_out, row.method, seed, value] for seed, value in values)
    write_text(folder / "results.csv", text.getvalue())
    _plot(results, folder / "results.svg")
    return [folder / name for name in ("results.json", "results.csv", "results.svg")]


def _plot(results: Mapping[str, Sequence[MethodRecord]], path: Path) -> None:
    from matplotlib.figure import Figure

    methods = [row.method for row in results["validation"]]
    facts = metric_name(results["validation"][0].metric)
    factor = 100 if facts.kind == "share" else 1
    figure = Figure(figsize=(6.0 * len(results) + 1.0, 0.5 * len(methods) + 1.4), layout="constrained")
    panels = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
    for axes, (held_out, rows) in zip(panels, results.items(), strict=True):
        for place, row in enumerate(rows):
            values = [factor * value for value in row.values]
            mean, spread = factor * row.mean, factor * (row.std or 0.0)
            axes.plot(values, [place] * len(values), "o", color="#4477aa", alpha=0.45, markersize=5)
            axes.errorbar(mean, place, xerr=spread, fmt="D", color="#222222", capsize=4, markersize=5)
        axes.set_title(f"{held_out} rows")
        axes.set_xlabel(f"{facts.heading}: each seed, mean ± standard deviation")
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(methods)), methods)
    panels[0].invert_yaxis()
    with atomic_file(path) as stream:
        figure.savefig(stream, format="svg", metadata={"Date": None})

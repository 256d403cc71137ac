"""An ablation as a table, CSV, JSON and a plot."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from rich.table import Table

from ackd_deploy.files import atomic_file, write_json, write_text

__all__ = ["ablation_table", "write_ablation"]

_REFERENCES = ("kd", "finetune")


def ablation_table(rows: list[dict[str, Any]], *, title: str) -> Table:
    """Return the printed table; figures in points (hundredths)."""
    table = Table(title=title)
    table.add_column("method")
    table.add_column(f"{rows[0]['metric']} (mean ± sd)", justify="right")
    table.add_column("seeds", justify="right")
    for reference in _REFERENCES:
        table.add_column(f"vs {reference} [95 %]", justify="right")
    table.add_column("seconds", justify="right")
    for row in rows:
        spread = "" if row["std"] is None else f" ± {100 * row['std']:.2f}"
        gaps = [_gap(row["differences"].get(reference)) for reference in _REFERENCES]
        table.add_row(
            row["method"], f"{100 * row['mean']:.2f}{spread}", str(len(row["seeds"])), *gaps, f"{row['seconds']:.0f}"
        )
    return table


def _gap(gap: dict[str, Any] | None) -> str:
    if gap is None:
        return ""
    mark = " *" if gap["beyond_noise"] else ""
    return f"{100 * gap['mean']:+.2f} [{100 * gap['low']:+.2f}, {100 * gap['high']:+.2f}]{mark}"


def write_ablation(rows: list[dict[str, Any]], facts: dict[str, Any], folder: Path) -> list[Path]:
    """Write results.json, results.csv (one line a training) and results.svg.

    Args:
        rows: from `compare_series`.
        facts: what else the JSON shall hold.
        folder: for the three files.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", {**facts, "methods": rows})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "seed", rows[0]["metric"]])
    for row in rows:
        writer.writerows([row["method"], seed, value] for seed, value in zip(row["seeds"], row["values"], strict=True))
    write_text(folder / "results.csv", text.getvalue())
    _plot(rows, folder / "results.svg")
    return [folder / name for name in ("results.json", "results.csv", "results.svg")]


def _plot(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 0.5 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        values = [100 * value for value in row["values"]]
        axes.plot(values, [place] * len(values), "o", color="#4477aa", alpha=0.45, markersize=5)
        axes.errorbar(
            100 * row["mean"], place, xerr=100 * (row["std"] or 0.0), fmt="D", color="#222222", capsize=4, markersize=5
        )
    axes.set_yticks(range(len(rows)), [row["method"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"{rows[0]['metric']} in points: each seed, mean ± standard deviation")
    axes.grid(axis="x", alpha=0.3)
    with atomic_file(path) as stream:
        figure.savefig(stream, format="svg", metadata={"Date": None})

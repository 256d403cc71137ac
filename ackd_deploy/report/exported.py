"""What the export recorded, laid out for the page: gates and times of each variant, slices, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ackd_deploy.report.saved import finite
from ackd_deploy.run import Run

__all__ = ["SliceTable", "Variant", "calibration_facts", "slice_table", "torch_timings", "variants"]

WORKLOADS = {"single": "one text at a time", "batch": "in batches"}
_TIMES = ("p50_ms", "p99_ms", "texts_per_second", "tokenizing_share", "load_seconds", "resident_mb")


@dataclass(frozen=True)
class Variant:
    """One variant: its gates, and its times by workload (in words)."""

    name: str
    verdict: str
    chosen: bool
    note: str
    batch_sensitive: bool
    gates: list[dict[str, Any]]
    timings: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class SliceTable:
    """Rows are slices (name, number of rows, one share a variant); columns are variants."""

    variants: list[str]
    slices: list[tuple[str, float | None, list[float | None]]]


def _rows(run: Run) -> list[dict[str, Any]]:
    return run.facts("export").get("variants") or []


def variants(run: Run) -> list[Variant]:
    """The variants of the export; the chosen one first, then the others in the recipe's order."""
    chosen = run.facts("export").get("chosen")
    found = [
        Variant(
            name=str(row.get("name")),
            verdict=str(row.get("verdict")),
            chosen=row.get("name") == chosen,
            note=str(row.get("note") or ""),
            batch_sensitive=row.get("batch_sensitive") is True,
            gates=[_gate(result) for result in row.get("gates") or []],
            timings=_timings(row.get("timings")),
        )
        for row in _rows(run)
    ]
    return sorted(found, key=lambda variant: not variant.chosen)


def _timings(recorded: Any) -> dict[str, dict[str, Any]]:
    return {WORKLOADS.get(workload, workload): _times(figures) for workload, figures in (recorded or {}).items()}


def _times(recorded: dict[str, Any]) -> dict[str, float | None]:
    return {name: finite(recorded.get(name)) for name in _TIMES}


def _gate(recorded: dict[str, Any]) -> dict[str, Any]:
    words = {name: str(recorded.get(name) or "") for name in ("gate", "verdict", "detail")}
    figures = {name: finite(recorded.get(name)) for name in ("figure", "bound", "n")}
    return {**words, **figures, "interval": recorded.get("interval")}


def torch_timings(run: Run) -> dict[str, dict[str, dict[str, Any]]]:
    """Times of teacher and student in PyTorch: model -> workload -> figures."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for workload, models in ((run.facts("export").get("latency") or {}).get("torch") or {}).items():
        for name, figures in models.items():
            found.setdefault(f"{name} in PyTorch", {})[WORKLOADS.get(workload, workload)] = _times(figures)
    return found


def slice_table(run: Run) -> SliceTable | None:
    """The metric by length and by label for each variant; None where none was measured."""
    measured = {str(row.get("name")): row.get("slices") or {} for row in _rows(run)}
    measured = {name: slices for name, slices in measured.items() if slices}
    names = list(dict.fromkeys(name for slices in measured.values() for name in slices))
    if not names:
        return None
    table = []
    for name in names:
        entries = [slices.get(name) or {} for slices in measured.values()]
        rows = next((finite(entry.get("rows")) for entry in entries if "rows" in entry), None)
        table.append((name, rows, [finite(next((v for k, v in e.items() if k != "rows"), None)) for e in entries]))
    return SliceTable(list(measured), table)


def calibration_facts(run: Run) -> dict[str, float]:
    """The temperature that the artifact divides logits by, and what it does to the calibration error."""
    recorded = run.facts("export").get("calibration") or {}
    names = {
        "temperature": "temperature in the artifact",
        "ece_before": "calibration error of the served variant without it",
        "ece_after": "with it",
    }
    return {words: value for key, words in names.items() if (value := finite(recorded.get(key))) is not None}

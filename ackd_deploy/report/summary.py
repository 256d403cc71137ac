"""The one table of a run: teacher, students, exported variants. A figure that was not measured is a dash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

from ackd_deploy.run import BASELINES, EXPORT, TEACHER, Run, Stage, student_stage
from ackd_deploy.run.records import GateRecord, ModelRecord, PerClassRecord
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["METHOD_NAMES", "Row", "classes_of", "model_name", "summary_json", "summary_rows", "summary_table"]

Role = Literal["constant", "teacher", "baseline", "student", "variant"]

METHOD_NAMES = {
    "finetune": "student, not distilled",
    "kd": "student, KD",
    "pkd": "student, PKD",
    "rkd": "student, RKD",
    "codir": "student, CoDIR",
    "cdl": "student, KD + CDL",
    "ackd": "student, ACKD",
}
MISSING = "-"


def model_name(run: Run, key: str) -> str:
    """Return what tables call a model: ``teacher``, a method, or the one classifier of a run without a student."""
    if key == "teacher" and run.recipe.distill.method == "none":
        return "classifier, PyTorch"
    return METHOD_NAMES.get(key, key)


@dataclass(frozen=True)
class Row:
    """One model of a run, measured on the validation rows.

    Attributes:
        role: what the model is in this run; ``constant`` is what must be beaten: an answer that is always the same, or
            a classifier without a network.
        key: teacher, the method, the variant's name, or the baseline's.
        name: the same for people.
        metric: which figure ``value`` is, such as accuracy.
        value: of that metric, a share as 0.87; None where it was not measured, as all that follow.
        interval: 95 % interval of ``value``.
        rows: validation rows behind it.
        size_mb: weights or graph on disk, in 10^6 bytes.
        latency_ratio: time for the recipe's workload over that of the teacher in PyTorch; below 1 is faster.
        verdict: of the gates: of a variant all of its own, of a model those on its quality.
        reasons: why a variant was refused, or what its gates could not decide.
        chosen: whether this is the variant that the artifact serves.
        parameters: number of weights.
        metrics: all of the task's by name; of the chosen variant alone among variants.
    """

    role: Role
    key: str
    name: str
    metric: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    rows: int | None = None
    size_mb: float | None = None
    latency_ratio: float | None = None
    verdict: str | None = None
    reasons: tuple[str, ...] = ()
    chosen: bool = False
    parameters: int | None = None
    metrics: dict[str, float] | None = None


def summary_rows(run: Run) -> list[Row]:
    """Return the rows of a run, for as much of it as is done."""
    rows = _baseline_rows(run)
    if run.is_done(TEACHER):
        rows.append(_model_row(run, "teacher", TEACHER))
    main = run.student.model
    others = [method for method in METHOD_NAMES if run.is_done(student_stage(method))]
    # The names are in the table's order: the control that every table must have first, the run's own method last.
    rows += [_model_row(run, "baseline", student_stage(method)) for method in others if method != main]
    if main in others:
        rows.append(_model_row(run, "student", run.student))
    return rows + _variant_rows(run)


def _baseline_rows(run: Run) -> list[Row]:
    found = run.find(BASELINES)
    if found is None:
        return []
    return [
        Row(
            role="constant",
            key=model.key,
            name=model.name,
            metric=found.primary,
            value=model.metrics[found.primary],
            interval=model.interval,
            rows=found.validation_rows,
            metrics=model.metrics,
        )
        for model in found.models
    ]


def _model_row(run: Run, role: Role, stage: Stage[ModelRecord]) -> Row:
    record, export = run.record(stage), run.find(EXPORT)
    verdict, reasons = _of_gates(record.gates)
    return Row(
        role=role,
        key=stage.model,
        name=model_name(run, stage.model),
        metric=record.primary,
        value=record.value,
        interval=record.interval,
        rows=record.validation_rows,
        size_mb=None if record.size_bytes is None else record.size_bytes / 1e6,
        latency_ratio=None if export is None else export.latency.ratios.get(stage.model),
        verdict=verdict,
        reasons=reasons,
        parameters=record.parameters,
        metrics=record.metrics,
    )


def _of_gates(gates: Sequence[GateRecord]) -> tuple[str | None, tuple[str, ...]]:
    """Return the worst verdict, and what it stands on; nothing where no gate decides."""
    for verdict in ("fail", "undecided", "pass"):
        found = [gate for gate in gates if gate.verdict == verdict]
        if found:
            return verdict, tuple(map(_reason, found if verdict != "pass" else []))
    return None, ()


def _reason(gate: GateRecord) -> str:
    if gate.detail:
        return f"{gate.gate}: {gate.detail}"
    figure = MISSING if gate.figure is None else f"{gate.figure:.4g}"
    return f"{gate.gate}: {figure}" + ("" if gate.bound is None else f" (bound {gate.bound:g})")


def _variant_rows(run: Run) -> list[Row]:
    export = run.find(EXPORT)
    if export is None:
        return []
    rows = [
        Row(
            role="variant",
            key=variant.name,
            name=f"exported {variant.name.replace('_', ' ')}",
            metric=export.metric,
            value=variant.metric,
            interval=variant.interval,
            rows=variant.rows,
            size_mb=variant.size_mb,
            latency_ratio=variant.latency_ratio,
            verdict=variant.verdict,
            reasons=tuple(variant.reasons),
            chosen=variant.name == export.chosen,
            metrics=export.metrics if variant.name == export.chosen else None,
        )
        for variant in export.variants
    ]
    return sorted(rows, key=lambda row: not row.key.startswith("fp32"))


def percent(value: float | None) -> str:
    """Show a share as points: 0.8712 is 87.1."""
    return MISSING if value is None else f"{100 * value:.1f}"


def number(value: float | None, digits: int = 1, unit: str = "") -> str:
    """Show a figure, or the dash."""
    return MISSING if value is None else f"{value:.{digits}f}{unit}"


def summary_table(rows: Sequence[Row]) -> Table:
    """Return the table for a terminal; the first column wraps so that 60 columns suffice."""
    facts = metric_name(rows[0].metric if rows else "accuracy")
    reference = next((row.name for row in rows if row.role == "teacher"), "teacher")
    # Where soft labels were the teacher there is no time of one.
    compared = any(row.role == "teacher" or row.latency_ratio is not None for row in rows)
    latency = f"; latency as a share of the {reference.removesuffix(', PyTorch')}'s in PyTorch" if compared else ""
    counts = sorted({row.rows for row in rows if row.rows})
    measured = f"on {' / '.join(f'{n:,}' for n in counts)} validation rows" if counts else "on the validation rows"
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=f"{facts.described} {measured}, with its 95 % interval{latency}",
        caption_justify="left",
    )
    table.add_column("model", overflow="fold", min_width=12)
    table.add_column(facts.title, justify="right", no_wrap=True)
    table.add_column("95 %", justify="left", no_wrap=True)
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("latency", justify="right", no_wrap=True)
    table.add_column("gates", justify="left", overflow="fold", min_width=9)
    colors = {"pass": "green", "fail": "red", "undecided": "yellow"}
    for row in rows:
        name = Text(row.name, style="bold" if row.chosen else "")
        interval = MISSING if row.interval is None else f"{facts.show(row.interval[0])}–{facts.show(row.interval[1])}"
        verdict = (row.verdict or MISSING) + (", served" if row.chosen else "")
        table.add_row(
            name,
            facts.show(row.value),
            Text(interval, style="dim"),
            number(row.size_mb),
            number(row.latency_ratio, 2),
            Text(verdict, style=colors.get(row.verdict or "", "")),
        )
    return table


def summary_json(run: Run) -> dict[str, Any]:
    """Return the same as plain JSON data."""
    rows = summary_rows(run)
    return {
        "run": str(run.folder),
        "name": run.recipe.name,
        "stages": [stage.name for stage in run.stages()],
        "chosen": next((row.key for row in rows if row.chosen), None),
        "rows": [asdict(row) for row in rows],
        "per_class": {key: found.model_dump(mode="json") for key, found in classes_of(run).items()},
    }


def classes_of(run: Run) -> dict[str, PerClassRecord]:
    """Return the figures of each class by model: the teacher, the run's own student, the chosen variant."""
    found = {}
    for stage in dict.fromkeys((TEACHER, run.student)):
        record = run.find(stage)
        if record is not None and record.per_class is not None:
            found[stage.model] = record.per_class
    export = run.find(EXPORT)
    if export is not None and export.chosen is not None and export.per_class is not None:
        found[export.chosen] = export.per_class
    return found

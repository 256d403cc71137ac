"""The report as one HTML file: plots inside it, nothing fetched from anywhere, all data escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from ackd_deploy.escaping import visible
from ackd_deploy.files import write_text
from ackd_deploy.report.classes import metrics_table, per_class_tables
from ackd_deploy.report.curves import Plot, training_plots
from ackd_deploy.report.data_profile import data_profile
from ackd_deploy.report.decisions import decision_view
from ackd_deploy.report.exported import calibration_figures, slice_table, torch_timings, variant_timings, variants
from ackd_deploy.report.quality import calibration, label_slices, reliability
from ackd_deploy.report.saved import finite, read_metrics
from ackd_deploy.report.summary import MISSING, Row, model_name, number, percent, summary_rows
from ackd_deploy.report.view import hard_sentences, label_names, model_predictions, page_facts, shown_label, verdict
from ackd_deploy.run import EXPORT, Run
from ackd_deploy.run.predictions import Predictions
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["render_report", "write_report"]

_PLOTTED_MODELS = 6
_SAR_NAMES = {
    "mean": "mean weight",
    "largest": "largest weight",
    "correlation": "correlation of weight and loss",
    "effective": "effective samples in a batch",
    "effective_share": "the same as a share",
    "without_negative": "samples without a negative",
}


def write_report(run: Run) -> Path:
    """Write ``report/index.html`` in the run's folder, whole or not at all, and return its path."""
    page = run.path("report", "index.html")
    write_text(page, render_report(run))
    return page


def render_report(run: Run) -> str:
    """Return the page for as much of the run as is done."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    rows, predictions, export = summary_rows(run), model_predictions(run), run.find(EXPORT)
    # In the order of the table, so that a model has one color in every plot.
    names = {row.key: row.name for row in rows if row.role not in ("variant", "constant")}
    stages = {stage.model: stage.name for stage in run.stages()}
    recorded = {stages[key]: name for key, name in names.items()}
    environment = Environment(
        loader=PackageLoader("ackd_deploy.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    facts = metric_name(rows[0].metric if rows else "accuracy")
    environment.filters.update(
        percent=percent,
        number=number,
        figure=figure,
        label=shown_label,
        times=variant_timings,
        value=facts.show,
    )
    return environment.get_template("report.html.j2").render(
        facts=page_facts(run),
        profile=data_profile(run),
        verdict=verdict(run, rows, predictions),
        rows=rows,
        reference=model_name(run, "teacher").removesuffix(", PyTorch"),
        metric=facts,
        per_class=per_class_tables(run),
        metrics=metrics_table(rows),
        overview=_overview(rows),
        curves=training_plots(read_metrics(run.path("metrics.jsonl")), recorded),
        method=run.recipe.distill.method,
        sar=_sar(run),
        hardest=hard_sentences(run, "hardest"),
        label_errors=hard_sentences(run, "label_errors"),
        variants=variants(export) if export else [],
        chosen=export.chosen if export else None,
        torch_timings=torch_timings(export) if export else {},
        slices=slice_table(export) if export else None,
        temperature=calibration_figures(export) if export else {},
        decision=decision_view(
            export, run.recipe.data.problem_type, label_names(run), predictions.get(run.student.model)
        )
        if export
        else None,
        threads=export.latency.threads if export else None,
        missing=MISSING,
        **_quality(run, predictions),
    )


def _shown(value: Any) -> Any:
    """What a template prints: hidden characters as escapes; plots are markup of our own."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def figure(value: Any) -> str:
    """Show any recorded figure with four significant digits; the dash where there is none."""
    plain = finite(value)
    if plain is None:
        return MISSING
    return f"{plain:,.0f}" if plain == int(plain) and abs(plain) < 1e9 else f"{plain:.4g}"


def _overview(rows: list[Row]) -> list[Plot]:
    from ackd_deploy.report.plots import Point, scatter_svg

    plots = []
    facts = metric_name(rows[0].metric if rows else "accuracy")
    factor = 100 if facts.kind == "share" else 1
    series = {row.key: index for index, row in enumerate(row for row in rows if row.role != "constant")}
    for title, x_label, attribute in (
        ("Quality over size", "MB on disk", "size_mb"),
        ("Quality over latency", "time of the teacher in PyTorch = 1", "latency_ratio"),
    ):
        points = [
            Point(
                row.name,
                x,
                factor * row.value,
                None if row.interval is None else (factor * row.interval[0], factor * row.interval[1]),
                series[row.key],
            )
            for row in rows
            if row.value is not None and (x := getattr(row, attribute)) and x > 0
        ]
        if len(points) > 1:
            svg = scatter_svg(
                points, title=title, x_label=x_label, y_label=facts.heading, prefix=attribute.replace("_", "")
            )
            plots.append(Plot(title, "bars: 95 % interval; points of equal place are drawn side by side", svg))
    return plots


def _sar(run: Run) -> dict[str, Any]:
    """Figures about the weights, as recorded at the last log step; only numbers are shown."""
    record = run.find(run.student)
    recorded = (record.student.sar if record and record.student else None) or {}
    return {_SAR_NAMES.get(name, name.replace("_", " ")): v for name, v in recorded.items() if v is not None}


def _quality(run: Run, predictions: dict[str, Predictions]) -> dict[str, Any]:
    """Calibration and labels apart; for the other kinds of task these are not defined in the same way."""
    empty: dict[str, Any] = {"calibration": [], "reliability": None, "labels": [], "label_models": []}
    if not run.recipe.data.task.exclusive or not predictions:
        return empty
    from ackd_deploy.report.plots import reliability_svg

    named = {model_name(run, key): saved for key, saved in predictions.items()}
    drawn = {name: reliability(saved) for name, saved in list(named.items())[:_PLOTTED_MODELS]}
    svg = reliability_svg(drawn, title="Reliability", prefix="reliability")
    return {
        "calibration": calibration(named, "teacher"),
        "reliability": Plot("Reliability", "the dashed diagonal is perfect; bins of 10 rows or more", svg),
        "labels": label_slices(named, label_names(run)),
        "label_models": list(named),
    }

"""``ackd-deploy evaluate``: an artifact on labeled rows, beside the figures that it was given when it was made."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_artifact, json_option, provider_option, runs_option, threads_option
from ackd_deploy.cli.signals import end_despite_native_code
from ackd_deploy.errors import GateFailed, UsageError
from ackd_deploy.tasks.metric_names import metric_name

if TYPE_CHECKING:
    from ackd_deploy.bulk.evaluate import Evaluation
    from ackd_deploy.tasks.intervals import Interval

_SHOWN_CLASSES = 30


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--text-column", metavar="NAME", help="Column of the text; default: as the recipe called it.")
@click.option("--pair-column", metavar="NAME", help="Column of the second text; default: as the recipe called it.")
@click.option(
    "--label-column", metavar="NAME", multiple=True,
    help="Column of the label; once for each label of a multi-label task. Default: as the recipe called it.",
)  # fmt: skip
@click.option("--slice-by", metavar="NAME", help="Column whose most frequent values are judged apart.")
@click.option("--fail-on-drop", is_flag=True, help="Exit code 3 where the artifact does worse than when it was made.")
@click.option("--batch-size", type=click.IntRange(1, 4096), default=32, show_default=True)
@click.option("--variant", help="Variant of the artifact to run; default: the chosen one.")
@runs_option
@provider_option
@threads_option
@json_option
def command(
    artifact: Path,
    file: Path,
    text_column: str | None,
    pair_column: str | None,
    label_column: tuple[str, ...],
    slice_by: str | None,
    fail_on_drop: bool,
    batch_size: int,
    variant: str | None,
    runs: Path,
    provider: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Judge an artifact by labeled rows: metrics with intervals, each class, calibration, slices.

    The deciding metric is compared with the one that the artifact was given when it was made, on other rows: has the
    world moved? FILE is of any format that training reads, with the same columns and labels.
    """
    from ackd_deploy.bulk.columns import text_columns
    from ackd_deploy.bulk.evaluate import answered, evaluate
    from ackd_deploy.bulk.labeled import read_labeled
    from ackd_deploy.runtime import Classifier

    end_despite_native_code()
    classifier = Classifier.load(find_artifact(artifact, runs), provider, threads=threads, variant=variant)
    manifest = classifier.manifest
    if fail_on_drop and manifest.quality is None:
        raise UsageError(f"{artifact} holds no figures to compare with", hint="export it again, or drop --fail-on-drop")
    columns = text_columns(manifest, text_column, pair_column)
    rows = read_labeled(file, manifest, columns, label=label_column, slice_by=slice_by)
    logits, lengths = answered(classifier, rows.texts, batch_size)
    found = evaluate(manifest, rows, logits, lengths, variant=classifier.variant.name, slice_by=slice_by)
    if as_json:
        console.emit_json(asdict(found))
    else:
        _print(found, file)
    if fail_on_drop and found.verdict == "worse":
        raise GateFailed(_verdict(found))


def _print(found: Evaluation, file: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    title = escape(f"{file}: {found.rows:,} rows, variant {found.variant}")
    table = Table("metric", "value", "95 % interval", "artifact", title=title, title_justify="left")
    for figure in found.figures:
        facts = metric_name(figure.metric)
        interval = _interval(figure.interval, figure.metric)
        table.add_row(escape(facts.heading), facts.show(figure.value), interval, facts.show(figure.artifact))
    if found.confidence is not None:
        c = found.confidence
        share = metric_name("accuracy")
        table.add_row("mean confidence, %", share.show(c.confidence), "", "")
        table.add_row("ECE, %", share.show(c.ece), "", share.show(c.artifact_ece))
    if found.accepted is not None:
        a, show = found.accepted, metric_name("accuracy").show
        table.add_row("accepted, %", show(a.coverage), _interval(a.coverage_interval), show(a.artifact_coverage))
        inside = _interval(a.precision_interval) if a.precision_interval else ""
        table.add_row("right among these, %", show(a.precision), inside, show(a.artifact_precision))
    console.print_table(table)
    if found.classes:
        table = Table(
            "class", "rows", "share", "precision", "recall", "95 % interval", "F1", "recall then", "share then"
        )
        for entry in sorted(found.classes, key=lambda one: -one.rows)[:_SHOWN_CLASSES]:
            show = metric_name("recall").show
            table.add_row(
                escape(entry.name), f"{entry.rows:,}", show(entry.rows / found.rows), show(entry.precision),
                show(entry.recall) if entry.rows else "-",
                _interval(entry.recall_interval) if entry.recall_interval else "", show(entry.f1),
                show(entry.artifact_recall), show(entry.artifact_share),
            )  # fmt: skip
        console.print_table(table)
        if len(found.classes) > _SHOWN_CLASSES:
            console.print_result(f"and {len(found.classes) - _SHOWN_CLASSES} classes more: --json has all of them")
    if found.slices:
        facts = metric_name(found.metric)
        table = Table("slice", "rows", facts.heading, "95 % interval", "against the rest")
        for part in found.slices:
            value, interval = facts.show(part.value), _interval(part.interval, found.metric)
            table.add_row(escape(part.name), f"{part.rows:,}", value, interval, part.against_rest or "")
        console.print_table(table)
    console.print_result(_verdict(found))


def _interval(interval: Interval, metric: str = "accuracy") -> str:
    facts = metric_name(metric)
    return f"{facts.show(interval[0])} to {facts.show(interval[1])}"


def _verdict(found: Evaluation) -> str:
    if found.moved is None or found.artifact_rows is None:
        return "verdict: the artifact holds no figures to compare with"
    facts = metric_name(found.metric)
    low, high = (facts.show_difference(end) for end in found.moved.interval)
    difference = f"{facts.show_difference(found.moved.difference)}{facts.difference_unit}"
    said = {
        "worse": "worse than when it was made",
        "better": "better than when it was made",
    }.get(found.verdict, "no difference shown")
    return (
        f"verdict: {said}: {facts.title} {difference} (95 % interval {low} to {high}), {found.rows:,} rows against "
        f"{found.artifact_rows:,}"
    )

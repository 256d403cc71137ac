"""Several models side by side: of several runs, or several methods of one run, on the same validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from ackd_deploy.check.finished import held_against
from ackd_deploy.check.quality import Against, above_chance
from ackd_deploy.errors import ArtifactError, DataError, UsageError
from ackd_deploy.report.summary import MISSING, number
from ackd_deploy.run import Run, Stage
from ackd_deploy.run.predictions import Predictions, read_predictions
from ackd_deploy.run.records import ModelRecord
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.intervals import metric_interval
from ackd_deploy.tasks.metric_names import metric_name
from ackd_deploy.tasks.paired import Difference, paired_difference

AT_CHANCE = "; not above chance"

__all__ = ["Compared", "compare_runs", "compared_json", "comparison_table"]


@dataclass(frozen=True)
class Compared:
    """One model beside the first one."""

    name: str
    metric: str
    value: float
    interval: tuple[float, float]
    rows: int
    seed: int
    size_mb: float | None
    difference: Difference | None
    above_chance: bool | None = None
    """Whether it passes the gate of that name, by the first run's baselines; None where that run has none."""


def compare_runs(references: Sequence[str]) -> list[Compared]:
    """Compare models by their saved predictions; the first is what the others are measured against.

    Args:
        references: each ``RUN`` (the recipe's own method) or ``RUN:MODEL``, where MODEL is teacher or a method.

    Raises:
        UsageError: fewer than two, no such run, or a model that the run has not trained.
        DataError: the models did not answer the same rows, or not the same kind of task.
        ArtifactError: saved predictions are damaged.
    """
    if len(references) < 2:
        raise UsageError(
            "two or more models are needed to compare", hint="ackd-deploy compare runs/A runs/B, or runs/A:kd runs/A"
        )
    opened = [_open(reference) for reference in references]
    first_run, _, first = opened[0]
    task = first_run.task
    against = held_against(first_run, with_teacher=False)
    compared = []
    for position, (reference, (run, stage, saved)) in enumerate(zip(references, opened, strict=True)):
        if run.task != task:
            raise DataError(
                f"{reference} is a {run.recipe.data.problem_type} run, {references[0]} a {task.problem_type} run"
            )
        if not saved.same_rows(first):
            raise DataError(
                f"{references[0]} and {reference}: the validation rows differ ({len(first.labels)} and "
                f"{len(saved.labels)} rows, or the same number with other labels), so there is nothing to pair",
                hint="compare runs whose recipes name the same data.validation",
            )
        size = run.record(stage).size_bytes
        compared.append(
            Compared(
                name=f"{run.folder.resolve().name}:{stage.model}",
                metric=task.metric.name,
                value=task.score(saved.logits, saved.labels),
                interval=metric_interval(task, saved.logits, saved.labels),
                rows=len(saved.labels),
                seed=run.recipe.seed,
                size_mb=None if size is None else size / 1e6,
                difference=paired_difference(task, first.logits, saved.logits, saved.labels) if position else None,
                above_chance=None if against is None else _above(task, against, saved),
            )
        )
    return compared


def _above(task: Task, against: Against, saved: Predictions) -> bool:
    return above_chance("", task, saved.logits, saved.labels, against).verdict == "pass"


def _open(reference: str) -> tuple[Run, Stage[ModelRecord], Predictions]:
    folder, colon, model = reference.rpartition(":")
    # A folder may itself hold a colon; what exists on disk wins.
    if not colon or Path(reference).is_dir():
        folder, model = reference, ""
    run = Run.load(Path(folder))
    model = model or run.student.model
    trained = run.models()
    if model not in trained:
        raise UsageError(
            f"{folder} has no finished model {model!r}",
            hint=f"it has {', '.join(trained)}" if trained else "ackd-deploy distill goes on with it",
        )
    try:
        return run, trained[model], read_predictions(run.predictions(trained[model]))
    except ArtifactError as error:
        raise ArtifactError(error.message, hint="start that run over with --fresh") from error


def comparison_table(compared: Sequence[Compared]) -> Table:
    """Return the comparison for a terminal."""
    facts = metric_name(compared[0].metric)
    differences = [one.difference for one in compared if one.difference is not None]
    tested = any(d.p_value is not None for d in differences)
    unit = " in points" if facts.kind == "share" else ""
    test = "; p: McNemar's exact test" if tested else ""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=f"{facts.described} on the same {compared[0].rows:,} rows; differences to the first{unit}, paired 95 % "
        f"interval{test}. One seed each: the spread between seeds is not in these intervals.",
        caption_justify="left",
    )
    table.add_column("model", overflow="fold", ratio=1, min_width=10)
    table.add_column(facts.title, justify="right", no_wrap=True)
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("diff.", justify="right", no_wrap=True)
    table.add_column("95 %", justify="left", no_wrap=True)
    if tested:
        table.add_column("p", justify="right", no_wrap=True)
    table.add_column("verdict", justify="left", overflow="fold")
    for one in compared:
        d = one.difference
        table.add_row(
            Text(one.name),
            facts.show(one.value),
            number(one.size_mb),
            MISSING if d is None else facts.show_difference(d.difference),
            MISSING if d is None else " … ".join(map(facts.show_difference, d.interval)),
            *([MISSING if d is None or d.p_value is None else p_value(d.p_value).removeprefix("= ")] if tested else []),
            ("reference" if d is None else d.verdict) + (AT_CHANCE if one.above_chance is False else ""),
        )
    return table


def p_value(p: float) -> str:
    """Show a p-value with its relation sign: "= 0.031", or "< 0.001"."""
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def compared_json(compared: Sequence[Compared]) -> dict[str, Any]:
    """Return the comparison as plain JSON data."""
    models = []
    for one in compared:
        entry = asdict(one)
        if one.difference is not None:
            entry["difference"]["verdict"] = one.difference.verdict
        models.append(entry)
    return {"reference": compared[0].name, "metric": compared[0].metric, "models": models}

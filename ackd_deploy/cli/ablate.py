"""``ackd-deploy ablate``: several methods over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ackd_deploy import console
from ackd_deploy.cli.launched import is_first, opened_run
from ackd_deploy.cli.options import json_option, training_options
from ackd_deploy.extras import need
from ackd_deploy.recipe import load_recipe
from ackd_deploy.run import BASELINES, TEACHER, Run, package_versions, student_stage


@click.command()
@training_options
@click.option(
    "--methods",
    default="finetune,kd,cdl,ackd",
    show_default=True,
    help="Comma-separated; also pkd, rkd and codir.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Trainings of each method.")
@json_option
def command(
    recipe: Path,
    methods: str,
    seeds: int,
    overrides: tuple[str, ...],
    run_folder: Path | None,
    runs: Path,
    fresh: bool,
    device: str,
    as_json: bool,
) -> None:
    """Train several methods over several seeds from the same start, on the same rows in the same order.

    Prints mean and standard deviation, and the difference to kd and finetune with a paired interval; writes CSV, JSON
    and a plot into the run's ablation folder. The same command again resumes; more methods or seeds can be added.
    """
    need("train", "report")
    loaded = load_recipe(recipe, overrides=overrides)
    # Methods and seeds are arguments, not part of the recipe: another choice continues the same run.
    plain = loaded.model_copy(update={"distill": loaded.distill.model_copy(update={"baselines": []})})
    folder = run_folder or runs / f"{loaded.name}-ablation"

    from ackd_deploy.experiments.ablation import ablate_run, check_methods

    chosen = check_methods([name.strip() for name in methods.split(",") if name.strip()])
    with opened_run(lambda: Run.open(folder, plain, fresh=fresh), device) as run:
        everything = ablate_run(run, chosen, seeds, device=device)
    if not is_first():
        return

    from ackd_deploy.check.finished import held_against
    from ackd_deploy.experiments.ablation_report import ablation_json, ablation_table, write_ablation
    from ackd_deploy.experiments.comparison import compare_series
    from ackd_deploy.tasks.metric_names import metric_name

    task, against = run.task, held_against(run, with_teacher=False)
    results = {held_out: compare_series(task, series, against) for held_out, series in everything.items()}
    teacher, baselines = run.find(TEACHER), run.find(BASELINES)
    # Without a local teacher the first training stands for the rows and the device.
    first = teacher or run.record(student_stage(chosen[0], run.recipe.seed))
    tested = {} if teacher is None else {"test_metrics": teacher.test_metrics}
    facts: dict[str, Any] = {
        "recipe": run.recipe.name,
        "teacher": None if teacher is None else teacher.metrics,
        **({} if baselines is None else {"baselines": baselines.model_dump(mode="json")["models"]}),
        "validation_rows": first.validation_rows,
        "train_rows": first.train_rows,
        **({} if first.test_rows is None else {**tested, "test_rows": first.test_rows}),
        "device": first.device,
        "versions": package_versions(),
    }
    files = write_ablation(results, facts, run.path("ablation"))
    if as_json:
        console.emit_json(ablation_json(results, facts))
        return
    for held_out, rows in results.items():
        figures, count = first.held_out(held_out)
        metric = metric_name(rows[0].metric)
        beside = [] if teacher is None else [f"teacher {metric.show(figures[metric.name], 2)}"]
        if baselines is not None and held_out == "validation":
            beside += [f"{each.name} {metric.show(each.metrics[metric.name], 2)}" for each in baselines.models]
        title = f"{run.recipe.name}, {count} {held_out} rows" + (f": {', '.join(beside)}" if beside else "")
        console.print_table(ablation_table(rows, title=title))
    console.log("* significant: the 95 % interval over seeds and rows excludes 0")
    console.log(f"written: {', '.join(map(str, files))}")

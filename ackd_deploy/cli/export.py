"""``ackd-deploy export``: from a finished run, or from a classifier that exists already, to a gated artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from ackd_deploy import console
from ackd_deploy.cli.exported import exported
from ackd_deploy.cli.options import find_run, json_option, provider_option, run_option, runs_option, set_option
from ackd_deploy.errors import GateFailed, UsageError
from ackd_deploy.extras import need
from ackd_deploy.recipe import dump_recipe, parse_recipe
from ackd_deploy.run import EXPORT, Run
from ackd_deploy.tasks import ProblemType

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--onnx", is_flag=True, default=True, help="To ONNX, the one format there is today (the default).")
@click.option("--model", metavar="DIR", help="A classifier that exists already, in place of a run: folder or hub id.")
@click.option("--data", type=_FILE, help="With --model: labeled rows that it was not trained on; they judge it.")
@click.option(
    "--calibration",
    type=_FILE,
    help="With --model: rows like its training rows, for static int8 and export.fit_temperature.",
)
@click.option("--text", help="With --model: column of the text; by default text.")
@click.option("--text-pair", help="With --model: column of the second text, for pairs.")
@click.option("--label", multiple=True, help="With --model: column of the label, or one a label; by default label.")
@click.option(
    "--problem-type",
    type=click.Choice(get_args(ProblemType)),
    help="With --model: the task; by default what its config.json tells.",
)
@click.option(
    "--max-length",
    type=click.IntRange(4, 8192),
    help="With --model: tokens a text is cut at; by default what it takes, at most 512.",
)
@run_option
@runs_option
@set_option
@provider_option
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path),
    metavar="KEY",
    help="Sign the artifact with this private key (PEM).",
)
@json_option
def command(
    onnx: bool,
    run_folder: Path | None,
    runs: Path,
    overrides: tuple[str, ...],
    provider: str,
    key: Path | None,
    as_json: bool,
    model: str | None,
    **options: Any,
) -> None:
    """Export the newest finished run (or --run DIR), gate each variant, write the artifact.

    With --model DIR --data FILE a classifier that exists already is exported, gated and reported, and nothing is
    distilled: it becomes a run of its own, in --run DIR or under --runs.
    """
    need("export", "cpu", *(["report"] if model else []))
    if key is not None:
        from ackd_deploy.artifact.signature import check_key

        check_key(key)
    if model is None:
        if surplus := [f"--{name.replace('_', '-')}" for name, value in options.items() if value]:
            raise UsageError(
                f"{', '.join(surplus)} without --model: the run's own recipe says these things",
                hint="--model DIR exports a classifier that exists already",
            )
        run = _finished(run_folder, runs, overrides)

        from ackd_deploy.export import export_run

        with run.lock():
            artifact = export_run(run, provider=provider, table=not as_json)
    else:
        run = _existing(model, options, run_folder, runs, overrides)
        artifact = _export_existing(run, provider, table=not as_json)
    if key is not None:
        from ackd_deploy.artifact.signature import sign_artifact

        console.log(f"signature  {sign_artifact(artifact, key)}")
    if as_json:
        report = {"report": str(run.path("report", "index.html"))} if model else {}
        console.emit_json({"artifact": str(artifact), **report, **run.record(EXPORT).model_dump(mode="json")})
    else:
        console.log(f"next: ackd-deploy serve {artifact}")


def _finished(run_folder: Path | None, runs: Path, overrides: tuple[str, ...]) -> Run:
    run = find_run(run_folder, runs, having="student")
    if not run.is_done(run.student):
        raise UsageError(f"the run in {run.folder} has no finished student", hint="ackd-deploy distill goes on with it")
    if not overrides:
        return run
    # Only export and gates may differ from what was trained; Run.open refuses the rest by key.
    recipe = parse_recipe(dump_recipe(run.recipe), source=str(run.path("recipe.yaml")), overrides=overrides)
    return Run.open(run.folder, recipe)


def _existing(
    model: str, options: dict[str, Any], run_folder: Path | None, runs: Path, overrides: tuple[str, ...]
) -> Run:
    from ackd_deploy.cli.existing import Given, existing_recipe

    recipe = existing_recipe(Given(model=model, **options), overrides=overrides)
    return Run.open(run_folder or runs / recipe.name, recipe)


def _export_existing(run: Run, provider: str, *, table: bool) -> Path:
    from ackd_deploy.distill import distill_run
    from ackd_deploy.report import summary_rows, summary_table, write_report

    with run.lock():
        try:
            # Takes the classifier into the run and evaluates it; nothing is trained.
            distill_run(run, device="cpu")
            artifact = exported(run, provider, table=table)
        except GateFailed:
            # The report shows which bound was missed, and by how much.
            console.log(f"report  {write_report(run)}")
            raise
        page = write_report(run)
    if table:
        console.print_table(summary_table(summary_rows(run)))
        console.print_result(f"report  {page}")
    return artifact

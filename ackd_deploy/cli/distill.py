"""``ackd-deploy distill``: from a recipe to a student."""

from __future__ import annotations

from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.launched import is_first, opened_run
from ackd_deploy.cli.options import (
    json_option,
    open_run,
    training_options,
)
from ackd_deploy.errors import GateFailed
from ackd_deploy.extras import need
from ackd_deploy.run import Run


@click.command()
@training_options
@json_option
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    run_folder: Path | None,
    runs: Path,
    fresh: bool,
    device: str,
    as_json: bool,
) -> None:
    """Train the teacher where RECIPE says so, then the student. The same command again resumes."""
    need("train")

    def opened() -> Run:
        return open_run(recipe, overrides=overrides, run_folder=run_folder, runs=runs, fresh=fresh)

    with opened_run(opened, device) as run:
        from ackd_deploy.distill import distill_run

        refused = None
        try:
            distill_run(run, device=device)
        except GateFailed as error:
            # The table beside the message shows how far the model is from what it must beat.
            refused = error
    if not is_first():
        if refused is not None:
            raise refused
        return

    from ackd_deploy.report.summary import summary_json, summary_rows, summary_table

    rows = summary_rows(run)
    if as_json:
        console.emit_json(summary_json(run))
    else:
        console.print_table(summary_table(rows))
    if refused is not None:
        raise refused
    if not as_json:
        console.log(f"next: ackd-deploy export --onnx --run {run.folder}")

"""``ackd-deploy run``: distill, export, check and report in one command."""

from __future__ import annotations

from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.exported import exported
from ackd_deploy.cli.launched import is_first, opened_run
from ackd_deploy.cli.options import (
    json_option,
    open_run,
    provider_option,
    training_options,
)
from ackd_deploy.errors import GateFailed
from ackd_deploy.extras import need
from ackd_deploy.run import Run


@click.command()
@training_options
@provider_option
@json_option
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    run_folder: Path | None,
    runs: Path,
    fresh: bool,
    device: str,
    provider: str,
    as_json: bool,
) -> None:
    """Distill, export, check and report RECIPE. The same command again resumes."""
    need("export", "report", "cpu")

    def opened() -> Run:
        return open_run(recipe, overrides=overrides, run_folder=run_folder, runs=runs, fresh=fresh)

    with opened_run(opened, device) as run:
        from ackd_deploy.distill import distill_run

        refused = None
        try:
            distill_run(run, device=device)
        except GateFailed as error:
            refused = error
    if not is_first():
        if refused is not None:
            raise refused
        return

    from ackd_deploy.report import write_report
    from ackd_deploy.report.summary import summary_json, summary_rows, summary_table

    with run.lock():
        try:
            if refused is not None:
                raise refused
            artifact = exported(run, provider, table=not as_json)
        except GateFailed:
            # The report shows which bound was missed, and by how much.
            console.log(f"report  {write_report(run)}")
            raise
        report = write_report(run)
    if as_json:
        console.emit_json(summary_json(run))
        return
    console.print_table(summary_table(summary_rows(run)))
    console.print_result(f"report  {report}")
    console.print_result(f"serve   ackd-deploy serve {artifact}")

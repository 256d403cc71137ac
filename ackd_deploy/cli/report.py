"""``ackd-deploy report``: a run's table and its HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_run, json_option, run_option, runs_option
from ackd_deploy.extras import need


@click.command()
@run_option
@runs_option
@json_option
def command(run_folder: Path | None, runs: Path, as_json: bool) -> None:
    """Write the report of the newest run (or --run DIR) as one HTML file and print its table.

    It also shows a run in progress: missing figures are dashes.
    """
    need("report")
    run = find_run(run_folder, runs)

    from ackd_deploy.report import summary_json, summary_rows, summary_table, write_report

    page = write_report(run)
    if as_json:
        console.emit_json({**summary_json(run), "report": str(page)})
    else:
        console.print_table(summary_table(summary_rows(run)))
        console.print_result(f"report  {page}")

"""``ackd-deploy compare``: models of several runs on the same validation rows."""

from __future__ import annotations

import click

from ackd_deploy import console
from ackd_deploy.cli.options import json_option
from ackd_deploy.extras import need


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="RUN[:MODEL] RUN[:MODEL] ...")
@json_option
def command(models: tuple[str, ...], as_json: bool) -> None:
    """Compare models by their saved predictions: paired intervals and McNemar's test.

    Each is a run's folder, which stands for the student of the run's own method, or FOLDER:MODEL, where MODEL is
    teacher or a method, such as runs/quickstart:kd. The first is what the others are measured against.
    """
    need("report")
    from ackd_deploy.report.compare import compare_runs, compared_json, comparison_table

    compared = compare_runs(models)
    if as_json:
        console.emit_json(compared_json(compared))
    else:
        console.print_table(comparison_table(compared))

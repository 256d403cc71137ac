"""``ackd-deploy verify``: checks that an artifact is complete and answers as it did when it was exported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_artifact, json_option, provider_option, runs_option, threads_option
from ackd_deploy.cli.signals import end_despite_native_code
from ackd_deploy.errors import ArtifactError

_COLORS = {"pass": "green", "warn": "yellow", "fail": "red", "skip": "dim"}


@click.command()
@click.argument("artifact", required=False, type=click.Path(path_type=Path))
@runs_option
@provider_option
@threads_option
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="PUB", help="Check the signature with this public key (PEM)."
)
@click.option("--strict", is_flag=True, help="A warning, such as a CPU without the gated features, is a failure.")
@json_option
def command(
    artifact: Path | None, runs: Path, provider: str, threads: int | None, key: Path | None, strict: bool, as_json: bool
) -> None:
    """Check an artifact: files, checksums, graphs, CPU features and golden samples.

    ARTIFACT is its folder; by default that of the newest exported run.
    """
    from ackd_deploy.runtime.verify import verify_artifact

    end_despite_native_code()

    folder = find_artifact(artifact, runs)
    checks = verify_artifact(folder, provider=provider, threads=threads, strict=strict, key=key)
    failed = [check for check in checks if check.status == "fail"]
    if as_json:
        console.emit_json({"artifact": str(folder), "ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        from rich.markup import escape
        from rich.table import Table

        table = Table("check", "", "detail", title=escape(str(folder)), title_justify="left")
        for check in checks:
            color = _COLORS[check.status]
            table.add_row(escape(check.name), f"[{color}]{check.status}[/{color}]", escape(check.detail))
        console.print_table(table)
    if failed:
        raise ArtifactError(f"{folder}: {len(failed)} of {len(checks)} checks failed: {failed[0].detail}")

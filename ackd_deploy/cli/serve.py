"""``ackd-deploy serve``: the artifact over HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_artifact, runs_option, served_provider_option
from ackd_deploy.extras import need


class _ServeCommand(click.Command):
    """Lists the service's environment variables after the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from ackd_deploy.serving.settings import PREFIX, Settings

        with formatter.section("Environment variables"):
            formatter.write_dl(
                [
                    (PREFIX + name.upper(), field.description or "")
                    for name, field in Settings.model_fields.items()
                    # An argument, or shown with their options.
                    if name not in {"artifact", "workers", "threads", "provider"}
                ]
            )
        super().format_epilog(ctx, formatter)


@click.command(cls=_ServeCommand)
@click.argument("artifact", required=False, type=click.Path(file_okay=False, path_type=Path))
@runs_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    envvar="ACKD_WORKERS",
    show_envvar=True,
    help="Processes, each with its own model; by default one, and on the CPU one for each 4 processors of the quota.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    envvar="ACKD_THREADS",
    show_envvar=True,
    help="Threads for inference in each worker; by default the cgroup's quota over the workers.",
)
@served_provider_option
def command(
    artifact: Path | None, runs: Path, host: str, port: int, workers: int | None, threads: int | None, provider: str
) -> None:
    """Serve ARTIFACT, or the newest exported run's, until Ctrl-C or SIGTERM.

    Limits, a bearer token and the rest are environment variables: see below, and 'ackd-deploy docs http'.
    """
    need("serve", "cpu")
    folder = find_artifact(artifact, runs)
    # Imported late: BentoML and its dependencies take most of a second.
    from ackd_deploy.artifact import open_artifact
    from ackd_deploy.deploy.launch import Launch, artifact_variables, curl_line
    from ackd_deploy.runtime import effective_cpus
    from ackd_deploy.serving.settings import load_settings

    manifest = open_artifact(folder)
    variables = artifact_variables(folder, provider, threads, workers)
    settings = load_settings({**os.environ, **variables})
    processors = effective_cpus()
    workers = settings.processes(processors)
    lanes, each = settings.split(processors)
    sample = manifest.golden[0] if manifest.golden else None
    text = "a warm, funny and moving film"
    example = (sample.text, sample.pair) if sample is not None and sample.pair is not None else text

    def announce(url: str) -> None:
        token = " -H 'authorization: Bearer …'" if settings.token else ""
        console.print_result(
            f"ready: {manifest.name} ({manifest.chosen}) at {url}/ with {workers} × {lanes * each} threads"
        )
        console.print_result(curl_line(url, example) + token)

    if sys.stderr.isatty():  # a log collector expects JSON
        console.log(f"serving {folder}; Ctrl-C stops")
    Launch(host, port, workers, variables, announce).run()

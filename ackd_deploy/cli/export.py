"""``ackd-deploy export``: from a finished run to a gated artifact."""

from __future__ import annotations

from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_run, json_option, provider_option, run_option, runs_option, set_option
from ackd_deploy.errors import UsageError
from ackd_deploy.extras import need
from ackd_deploy.recipe import dump_recipe, parse_recipe
from ackd_deploy.run import EXPORT, Run


@click.command()
@click.option("--onnx", is_flag=True, default=True, help="To ONNX, the one format there is today (the default).")
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
) -> None:
    """Export the newest finished run (or --run DIR), gate each variant, write the artifact."""
    need("export", "cpu")
    if key is not None:
        from ackd_deploy.artifact.signature import check_key

        check_key(key)
    run = find_run(run_folder, runs, having="student")
    if not run.is_done(run.student):
        raise UsageError(f"the run in {run.folder} has no finished student", hint="ackd-deploy distill goes on with it")
    if overrides:
        # Only export and gates may differ from what was trained; Run.open refuses the rest by key.
        recipe = parse_recipe(dump_recipe(run.recipe), source=str(run.path("recipe.yaml")), overrides=overrides)
        run = Run.open(run.folder, recipe)

    from ackd_deploy.export import export_run

    with run.lock():
        artifact = export_run(run, provider=provider, table=not as_json)
    if key is not None:
        from ackd_deploy.artifact.signature import sign_artifact

        console.log(f"signature  {sign_artifact(artifact, key)}")
    if as_json:
        console.emit_json({"artifact": str(artifact), **run.record(EXPORT).model_dump(mode="json")})
    else:
        console.log(f"next: ackd-deploy serve {artifact}")

"""``ackd-deploy package``: a Bento of the artifact and the service."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_artifact, json_option, runs_option
from ackd_deploy.extras import need


@click.command()
@click.argument("artifact", required=False, type=click.Path(file_okay=False, path_type=Path))
@runs_option
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="BentoML's store; by default BENTOML_HOME, else ~/bentoml.",
)
@json_option
def command(artifact: Path | None, runs: Path, store: Path | None, as_json: bool) -> None:
    """Build a Bento of ARTIFACT (or the newest exported run's) and the service. Needs no network."""
    need("serve")
    folder = find_artifact(artifact, runs)
    if store is not None:
        # BentoML reads it when it is imported.
        store.mkdir(parents=True, exist_ok=True)
        os.environ["BENTOML_HOME"] = str(store.resolve())
    from ackd_deploy.artifact import open_artifact
    from ackd_deploy.deploy.bento import SBOM, build_bento

    console.log(f"packaging {folder}")
    built = build_bento(folder)
    engine = open_artifact(folder, verify=False).variant().engine
    requirements = "requirements-openvino.txt" if engine == "openvino" else "requirements.txt"
    extra = f" --build-arg REQUIREMENTS={requirements}" if engine == "openvino" else ""
    if as_json:
        console.emit_json(
            {
                "tag": built.tag,
                "folder": str(built.folder),
                "megabytes": round(built.megabytes, 1),
                "sbom": str(built.folder / "src" / SBOM),
            }
        )
        return
    console.print_result(built.tag)
    home = f"BENTOML_HOME={os.environ['BENTOML_HOME']} " if "BENTOML_HOME" in os.environ else ""
    for line in (
        f"{built.folder} ({built.megabytes:.1f} MB)",
        f"bill of materials: {built.folder / 'src' / SBOM} (CycloneDX)",
        f"serve it:          {home}bentoml serve {built.tag}",
        f"container image:   {home}bentoml containerize {built.tag}      (needs a Docker engine)",
        f"or, without Bento: docker build --build-arg ARTIFACT={os.path.relpath(folder)}{extra} .",
        f"the image needs:   Python 3.11, serving/{requirements} (no torch), about "
        f"{580 if engine == 'openvino' else 400} MB; port 3000, user 10001",
    ):
        console.log(line)

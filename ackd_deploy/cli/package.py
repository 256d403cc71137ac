"""``ackd-deploy package``: a Bento, or a build context for an image, of the artifact and the service."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_artifact, json_option, runs_option
from ackd_deploy.errors import UsageError
from ackd_deploy.extras import need


@click.command()
@click.argument("artifact", required=False, type=click.Path(file_okay=False, path_type=Path))
@runs_option
@click.option(
    "--image",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a complete build context for a container image into this folder instead.",
)
@click.option(
    "--all-variants", is_flag=True, help="Keep the variants that were not chosen; fp32 is what others fall back to."
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="BentoML's store; by default BENTOML_HOME, else ~/bentoml.",
)
@json_option
def command(
    artifact: Path | None, runs: Path, image: Path | None, all_variants: bool, store: Path | None, as_json: bool
) -> None:
    """Build a Bento of ARTIFACT (or the newest exported run's) and the service. Needs no network.

    It holds the chosen variant alone. Where machines without its CPU features may run it, --all-variants keeps fp32.
    """
    need("serve")
    folder = find_artifact(artifact, runs)
    console.log(f"packaging {folder}")
    if image is not None:
        if store is not None:
            raise UsageError("--image writes a folder, and --store is of Bentos: give one of them")
        _write_image(folder, image, all_variants=all_variants, as_json=as_json)
        return
    if store is not None:
        # BentoML reads it when it is imported.
        store.mkdir(parents=True, exist_ok=True)
        os.environ["BENTOML_HOME"] = str(store.resolve())
    from ackd_deploy.deploy.bento import build_bento
    from ackd_deploy.deploy.sbom import SBOM

    built = build_bento(folder, all_variants=all_variants)
    bill = built.folder / "src" / SBOM
    if as_json:
        found = {"tag": built.tag, "folder": str(built.folder), "megabytes": round(built.megabytes, 1)}
        console.emit_json({**found, "sbom": str(bill)})
        return
    console.print_result(built.tag)
    home = f"BENTOML_HOME={shlex.quote(os.environ['BENTOML_HOME'])} " if "BENTOML_HOME" in os.environ else ""
    console.log(f"{built.folder} ({built.megabytes:.1f} MB)")
    console.log(f"bill of materials: {bill} (CycloneDX)")
    console.log(f"serve it:          {home}bentoml serve {built.tag}")
    console.log(f"container image:   {home}bentoml containerize {built.tag}      (needs a Docker engine)")
    console.log("or, without Bento: ackd-deploy package --image DIR, and docker build DIR")
    _warn_of_features(built.cpu_features, all_variants)


def _write_image(artifact: Path, folder: Path, *, all_variants: bool, as_json: bool) -> None:
    from ackd_deploy.deploy.image import write_build_context
    from ackd_deploy.deploy.sbom import SBOM

    context = write_build_context(artifact, folder, all_variants=all_variants)
    if as_json:
        found = {"folder": str(folder), "megabytes": round(context.megabytes, 1), "sbom": str(folder / SBOM)}
        console.emit_json(found)
        return
    console.print_result(str(folder))
    where = shlex.quote(str(folder))
    console.log(f"build context:     {context.megabytes:.1f} MB, bill of materials in {SBOM} (CycloneDX)")
    console.log(f"build it:          docker build --target bundle -t classifier {where}")
    console.log("run it:            docker run --rm -p 3000:3000 --read-only --tmpfs /tmp classifier")
    console.log("a fixed base:      --build-arg BASE_IMAGE=python@sha256:…")
    _warn_of_features(context.cpu_features, all_variants)


def _warn_of_features(features: tuple[str, ...], all_variants: bool) -> None:
    if features and not all_variants:
        console.warn(
            f"the chosen variant needs {', '.join(features)}, and without it the service refuses to start; "
            "--all-variants keeps fp32 to fall back to"
        )

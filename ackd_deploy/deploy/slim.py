"""An artifact for one kind of machine: the chosen variant alone, sealed anew."""

from __future__ import annotations

import shutil
from pathlib import Path

from ackd_deploy.artifact import Manifest, open_artifact, seal
from ackd_deploy.artifact.write import CARD

__all__ = ["copy_artifact", "slim_artifact"]


def copy_artifact(artifact: Path, target: Path) -> Manifest:
    """Copy what the manifest lists: that was checked, and whatever else lies in the folder stays where it is.

    Raises:
        ArtifactError: the artifact is damaged.
    """
    manifest = open_artifact(artifact)
    _copy(artifact, target, ["ackd.json", *manifest.files])
    return manifest


def slim_artifact(artifact: Path, target: Path) -> Manifest:
    """Write an artifact that holds the chosen variant alone, and return its manifest.

    It answers as before and has no fp32 to fall back to: where a CPU feature of the chosen variant is missing the
    service refuses to start. A signature is not copied, since it is of other files.

    Raises:
        ArtifactError: the artifact is damaged.
    """
    manifest = open_artifact(artifact)
    chosen = manifest.variant()
    others = {variant.file for variant in manifest.variants} - {chosen.file}
    _copy(artifact, target, [name for name in manifest.files if name not in others and name != CARD])
    return seal(target, manifest.model_copy(update={"variants": [chosen]}))


def _copy(artifact: Path, target: Path, names: list[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact / name, target / name)

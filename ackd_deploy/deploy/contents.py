"""What a Bento and a container image have in common: artifact, service, pinned requirements, bill of materials."""

from __future__ import annotations

import shutil
from pathlib import Path

from ackd_deploy.artifact import Manifest
from ackd_deploy.deploy.requirements import parse_pins, service_requirements
from ackd_deploy.deploy.sbom import SBOM, bill_of_materials
from ackd_deploy.deploy.slim import copy_artifact, slim_artifact
from ackd_deploy.recipe.bundled import bundled_folder
from ackd_deploy.version import __version__

__all__ = ["write_contents"]


def write_contents(artifact: Path, folder: Path, service: Path, *, all_variants: bool) -> Manifest:
    """Write ``artifact/`` and the bill of materials into a folder, and return the manifest of what is served.

    Args:
        artifact: to be served.
        folder: of the Bento or the build context.
        service: folder for service.py and requirements.txt.
        all_variants: keep the variants that were not chosen, fp32 to fall back to among them.

    Raises:
        ArtifactError: the artifact is damaged.
    """
    manifest = (copy_artifact if all_variants else slim_artifact)(artifact, folder / "artifact")
    service.mkdir(exist_ok=True)
    shutil.copyfile(bundled_folder("serving") / "service.py", service / "service.py")
    requirements = service_requirements(manifest)
    (service / "requirements.txt").write_text(requirements, encoding="utf-8")
    bill = bill_of_materials(manifest, parse_pins(requirements), __version__)
    (folder / SBOM).write_text(bill, encoding="utf-8")
    return manifest

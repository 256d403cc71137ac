"""A complete build context for a container image: Dockerfile, pinned requirements, code and artifact."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ackd_deploy.deploy.contents import write_contents
from ackd_deploy.deploy.sbom import SBOM
from ackd_deploy.errors import UsageError
from ackd_deploy.files import atomic_folder
from ackd_deploy.recipe.bundled import bundled_dockerfile

__all__ = ["BuildContext", "write_build_context"]

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class BuildContext:
    """A folder that ``docker build`` or ``buildah build`` takes as it stands."""

    folder: Path
    megabytes: float
    cpu_features: tuple[str, ...]


def write_build_context(artifact: Path, folder: Path, *, all_variants: bool) -> BuildContext:
    """Write the context; the folder takes its name when it is whole.

    Args:
        artifact: to be served.
        folder: must not be there, or be an older context.
        all_variants: keep the variants that were not chosen, fp32 to fall back to among them.

    Raises:
        UsageError: the folder is there and is no build context.
        ArtifactError: the artifact is damaged.
    """
    if folder.exists() and not ((folder / "Dockerfile").is_file() and (folder / SBOM).is_file()):
        raise UsageError(f"{folder} is there and holds something else", hint="name a folder that is not there")
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "_docs", "_recipes", "_serving", "_Dockerfile")
    with atomic_folder(folder) as target:
        manifest = write_contents(artifact, target, target / "serving", all_variants=all_variants)
        shutil.copyfile(bundled_dockerfile(), target / "Dockerfile")
        shutil.copytree(_PACKAGE, target / "ackd_deploy", ignore=ignore)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    return BuildContext(folder, size, tuple(manifest.variant().cpu_features))

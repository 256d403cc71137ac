"""Build a Bento that holds the service, its artifact and this package, without a network."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ackd_deploy.artifact import Manifest
from ackd_deploy.deploy.contents import write_contents
from ackd_deploy.errors import MissingExtra, first_line
from ackd_deploy.extras import install_hint

__all__ = ["BuiltBento", "build_bento"]

_PACKAGE = Path(__file__).resolve().parent.parent
# Folders of ackd_deploy that serving needs: the Bento cannot train, and needs nothing that training needs.
_FOLDERS = ("artifact", "runtime", "serving", "tasks")


@dataclass(frozen=True, slots=True)
class BuiltBento:
    """A Bento in BentoML's store."""

    tag: str
    folder: Path
    megabytes: float
    cpu_features: tuple[str, ...]


def build_bento(artifact: Path, *, all_variants: bool) -> BuiltBento:
    """Check an artifact and build a Bento of it, in the store under BENTOML_HOME.

    Args:
        artifact: to be served.
        all_variants: keep the variants that were not chosen, fp32 to fall back to among them.

    Raises:
        ArtifactError: the artifact is damaged.
        MissingExtra: BentoML is not installed.
    """
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    try:
        import bentoml
    except ImportError as error:
        raise MissingExtra(f"BentoML cannot be imported: {first_line(error)}", hint=install_hint("serve")) from error
    with tempfile.TemporaryDirectory(prefix="ackd-package-") as name:
        folder = Path(name)
        manifest = _gather(folder, artifact, all_variants)
        bento = bentoml.build(
            "service:Ackd",
            name=_bento_name(manifest.name),
            labels={"model": _label(manifest.name), "variant": _label(manifest.chosen)},
            description=f"{manifest.name}: {manifest.problem_type}, {len(manifest.labels)} labels",
            include=["**"],
            build_ctx=str(folder),
        )
    size = sum(file.stat().st_size for file in _files(Path(bento.path))) / 1e6
    return BuiltBento(str(bento.tag), Path(bento.path), size, tuple(manifest.variant().cpu_features))


def _gather(folder: Path, artifact: Path, all_variants: bool) -> Manifest:
    manifest = write_contents(artifact, folder, folder, all_variants=all_variants)
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for package in _FOLDERS:
        shutil.copytree(_PACKAGE / package, folder / "ackd_deploy" / package, ignore=ignore)
    # The modules beside the folders are what all of them stand on.
    for module in (*_PACKAGE.glob("*.py"), _PACKAGE / "py.typed"):
        shutil.copyfile(module, folder / "ackd_deploy" / module.name)
    return manifest


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _bento_name(name: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower()).strip("-_.") or "ackd"


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")[:63]

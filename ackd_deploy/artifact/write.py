"""Write an artifact: whole, sealed with checksums, checked as a reader would check it, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ackd_deploy.artifact.card import render_card
from ackd_deploy.artifact.load import MANIFEST, list_files, open_artifact
from ackd_deploy.artifact.schema import Manifest
from ackd_deploy.files import atomic_folder, sha256_file, write_json, write_text

__all__ = ["seal", "write_artifact"]

CARD = "README.md"


def write_artifact(final: Path, build: Callable[[Path], Manifest]) -> Manifest:
    """Write an artifact that takes its name only when it is whole; an older one stays until then.

    Args:
        final: the artifact's folder.
        build: fills the folder that it is given (graphs, config.json, tokenizer files) and returns the
            manifest; ``files`` and ``size_bytes`` are filled in here, and the model card is written.

    Raises:
        ArtifactError: what was built would be refused by a reader.
    """
    with atomic_folder(final) as folder:
        return seal(folder, build(folder))


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Write the model card and ``ackd.json`` into a folder that holds the rest, and check the whole.

    Returns the manifest with the checksum of each file and the size of each variant.
    """
    variants = [
        variant.model_copy(update={"size_bytes": (folder / variant.file).stat().st_size})
        for variant in manifest.variants
        if (folder / variant.file).is_file()
    ]
    if len(variants) == len(manifest.variants):
        manifest = manifest.model_copy(update={"variants": variants})
    write_text(folder / CARD, render_card(manifest))
    digests = {name: sha256_file(folder / name) for name in list_files(folder) if name != MANIFEST}
    manifest = manifest.model_copy(update={"files": digests})
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return open_artifact(folder)

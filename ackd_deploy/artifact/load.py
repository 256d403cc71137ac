"""Open an artifact from an untrusted source: look at everything, execute nothing.

Checked in this order, so that each step relies only on what was checked before: the manifest, the names
in the folder, the checksums, what ``config.json`` says, and the structure of each graph. ONNX Runtime and
the tokenizer see a file only afterwards.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ackd_deploy.artifact.config import check_config
from ackd_deploy.artifact.onnx_file import OnnxFacts, inspect_onnx
from ackd_deploy.artifact.schema import SCHEMA_VERSION, Manifest, VariantInfo
from ackd_deploy.errors import ArtifactError, first_line
from ackd_deploy.files import confined, read_bounded, sha256_file
from ackd_deploy.json_text import parse_json

__all__ = ["MANIFEST", "check_files", "check_graph", "list_files", "open_artifact", "read_bounded_json"]

MANIFEST = "ackd.json"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"

_MAX_MANIFEST = 16_000_000
_MAX_FILES = 1000

# Formats that run code when they are read, or that hold code. None has a place here, listed or not.
_REFUSED_SUFFIXES = (
    ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".h5", ".keras", ".msgpack",
    ".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".jar", ".sh", ".exe", ".ort",
)  # fmt: skip
# First bytes of the same formats under another name: pickle protocols 2 to 5, zip, ELF, HDF5.
_REFUSED_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"\x7fELF", b"\x89HDF")


def open_artifact(folder: Path, verify: bool = True) -> Manifest:
    """Read and check an artifact.

    Args:
        folder: the artifact.
        verify: also compare each file with its SHA-256 and inspect each graph. Without it, whoever uses a
            file must have it checked first (`check_files`, `check_graph`), as `Classifier.load` does for
            the one variant that it loads.

    Raises:
        ArtifactError: damaged, incomplete or hostile; the message says which file and why.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is not a folder", hint="'ackd-deploy export' writes an artifact")
    manifest = _read_manifest(folder)
    _check_names(folder)
    for name in (CONFIG, TOKENIZER, *(variant.file for variant in manifest.variants)):
        if name not in manifest.files:
            raise ArtifactError(f"{folder / MANIFEST} lists no checksum for {name}")
        _regular(folder, name)
    check_config(read_bounded_json(_regular(folder, CONFIG)), manifest, str(folder / CONFIG))
    if verify:
        check_files(folder, manifest)
        for variant in manifest.variants:
            check_graph(folder, manifest, variant)
    return manifest


def check_files(folder: Path, manifest: Manifest, only: Iterable[str] | None = None) -> None:
    """Compare files with the manifest's SHA-256.

    Raises:
        ArtifactError: a file is missing or differs.
    """
    for name in manifest.files if only is None else only:
        if sha256_file(_regular(folder, name)) != manifest.files[name]:
            raise ArtifactError(
                f"{folder / name} is not the file that was written: its SHA-256 differs from {MANIFEST}",
                hint="copy the artifact again, or export it again",
            )


def check_graph(folder: Path, manifest: Manifest, variant: VariantInfo) -> OnnxFacts:
    """Inspect one variant's graph and compare its inputs and outputs with the manifest.

    Raises:
        ArtifactError: refused by the inspection, or not the graph that the manifest describes.
    """
    path = _regular(folder, variant.file)
    facts = inspect_onnx(path).check()
    if set(facts.inputs) != set(manifest.inputs):
        raise ArtifactError(f"{path} takes {sorted(facts.inputs)}, but {MANIFEST} says {sorted(manifest.inputs)}")
    if "logits" not in facts.outputs:
        raise ArtifactError(f"{path} has no output named 'logits'; its outputs are {sorted(facts.outputs)[:5]}")
    return facts


def list_files(folder: Path) -> list[str]:
    """Return the relative paths of all files in a folder, with ``/``, sorted; links are not followed."""
    found = []
    for parent, folders, files in os.walk(folder, followlinks=False):
        names = files + [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name).relative_to(folder).as_posix() for name in names]
        if len(found) > _MAX_FILES:
            raise ArtifactError(f"{folder} has more than {_MAX_FILES} files")
    return sorted(found)


def read_bounded_json(path: Path, limit: int = _MAX_MANIFEST) -> Any:
    """Read JSON from an untrusted source: bounded size, no duplicate keys, no NaN, no lone surrogates.

    Raises:
        ArtifactError: any of these, or no JSON at all.
    """
    try:
        return parse_json(read_bounded(path, limit), strict=True)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ArtifactError(f"{path} is not valid JSON: {first_line(error)}") from None


def _read_manifest(folder: Path) -> Manifest:
    path = _regular(folder, MANIFEST)
    content = read_bounded_json(path)
    if not isinstance(content, dict):
        raise ArtifactError(f"{path} holds no JSON object")
    version = content.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema version {version}; this ackd-deploy reads up to {SCHEMA_VERSION}",
            hint="upgrade ackd-deploy",
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in problem['loc'])[:100] or 'manifest'}: {problem['msg'][:200]}"
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        more = f"\n  … and {len(lines) - 10} more" if len(lines) > 10 else ""
        raise ArtifactError(f"{path} is not a valid manifest:\n" + "\n".join(lines[:10]) + more) from None


def _regular(folder: Path, name: str) -> Path:
    """Return the path of a regular file inside the folder; a pipe or a device would hang or flood a reader."""
    path = confined(folder, name)
    try:
        mode = (folder / name).lstat().st_mode
    except OSError as error:
        hint = "'ackd-deploy export' writes an artifact; name its folder" if name == MANIFEST else None
        raise ArtifactError(f"{folder / name} is missing", hint=hint) from error
    if stat.S_ISLNK(mode) and path.is_file():
        return path
    if not stat.S_ISREG(mode):
        raise ArtifactError(f"{folder / name} is not a regular file")
    return path


def _check_names(folder: Path) -> None:
    for name in list_files(folder):
        path = confined(folder, name)
        if Path(name).suffix.lower() in _REFUSED_SUFFIXES:
            raise ArtifactError(
                f"{folder / name} is refused: an artifact holds safetensors, ONNX, JSON and text, "
                "nothing that can run code when it is read"
            )
        if path.is_file():
            with path.open("rb") as stream:
                start = stream.read(8)
            if start.startswith(_REFUSED_STARTS):
                raise ArtifactError(f"{folder / name} is refused: its content is a pickle, an archive or a program")

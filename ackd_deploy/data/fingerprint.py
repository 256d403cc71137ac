"""Fingerprints of the data that a recipe names: the same only where the files hold the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ackd_deploy.data.reading.folder import class_files
from ackd_deploy.data.reading.opening import opened
from ackd_deploy.files import expanded
from ackd_deploy.recipe.sections import Data, HeldOut, HubSplit

__all__ = ["data_fingerprints"]


def data_fingerprints(data: Data) -> dict[str, str]:
    """Return recipe key and SHA-256 of each data file; a hub split stands for itself, its content is the hub's.

    So does a part held out of the training file, whose content has its own key.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    sources = {"data.train": data.train, "data.validation": data.validation, "data.test": data.test}
    found = {key: _fingerprint(source) for key, source in sources.items() if source is not None}
    if further := data.unlabeled_sources:
        parts = "\0".join(map(_fingerprint, further))
        found["data.unlabeled"] = hashlib.sha256(parts.encode()).hexdigest()
    return found


def _fingerprint(source: str | HubSplit | HeldOut) -> str:
    if not isinstance(source, str):
        return hashlib.sha256(source.model_dump_json().encode()).hexdigest()
    path = expanded(source)
    if path.is_dir():
        parts = [f"{file.parent.name}/{file.name}\0{_sha256(file)}" for file in class_files(path)]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
    return _sha256(path)


def _sha256(path: Path) -> str:
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

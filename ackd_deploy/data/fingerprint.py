"""Fingerprints of the data that a recipe names: the same only where the files hold the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ackd_deploy.data.reading.opening import opened
from ackd_deploy.recipe.sections import Data, HubSplit

__all__ = ["data_fingerprints"]


def data_fingerprints(data: Data) -> dict[str, str]:
    """Return recipe key and SHA-256 of each data file; a hub split stands for itself, its content is the hub's.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    sources = {"data.train": data.train, "data.validation": data.validation, "data.test": data.test}
    return {key: _fingerprint(source) for key, source in sources.items() if source is not None}


def _fingerprint(source: str | HubSplit) -> str:
    if isinstance(source, HubSplit):
        return hashlib.sha256(source.model_dump_json().encode()).hexdigest()
    with opened(Path(source).expanduser()) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Fingerprints of models on disk: what tells whether a folder still holds what it held."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ackd_deploy.files import sha256_folder

__all__ = ["model_files", "model_fingerprint"]

_IGNORED = frozenset({"README.md"})


def model_files(folder: Path) -> dict[str, str]:
    """Return name and SHA-256 of each file that a model is read from: all but its README.md and hidden files."""
    return {
        name: sha256
        for name, sha256 in sha256_folder(folder).items()
        if name not in _IGNORED and not name.startswith(".")
    }


def model_fingerprint(folder: Path) -> str:
    """Return a SHA-256 over names and contents of the files that a model is read from, in hexadecimal."""
    return hashlib.sha256(json.dumps(model_files(folder), sort_keys=True).encode()).hexdigest()

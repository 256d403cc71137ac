"""The service's pinned requirements, as data: what the Bento and the image install, and what an SBOM lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ackd_deploy.artifact import Manifest
from ackd_deploy.recipe.bundled import bundled_folder

__all__ = ["Pin", "parse_pins", "service_requirements"]


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a requirements file: name, version and the SHA-256 of its wheels."""

    name: str
    version: str
    hashes: tuple[str, ...]


def service_requirements(manifest: Manifest, folder: Path | None = None) -> str:
    """Return the text of a requirements file for an artifact's service.

    Args:
        manifest: the chosen variant's engine decides; OpenVINO's 180 MB are left out where another engine serves.
        folder: that holds requirements.txt and requirements-openvino.txt; by default the one of this installation.
    """
    folder = folder or bundled_folder("serving")
    text = (folder / "requirements.txt").read_text(encoding="utf-8")
    if manifest.variant().engine == "openvino":
        lines = (folder / "requirements-openvino.txt").read_text(encoding="utf-8").splitlines()
        # Flat: BentoML takes the file as it stands, without the one that it would refer to.
        text += "".join(f"{line}\n" for line in lines if not line.startswith(("#", "-r ")))
    return text


def parse_pins(text: str) -> list[Pin]:
    """Return the pins of a requirements file.

    >>> parse_pins("# why\\nnumpy==2.4.6 \\\\\\n    --hash=sha256:ab \\\\\\n    --hash=sha256:cd\\n")
    [Pin(name='numpy', version='2.4.6', hashes=('ab', 'cd'))]
    """
    joined = text.replace("\\\n", " ")
    found = []
    for line in joined.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==(\S+)", line):
            hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]+)", line))
            found.append(Pin(match[1], match[2], hashes))
    return found

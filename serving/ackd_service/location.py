"""Where the artefact lies."""

from __future__ import annotations

from pathlib import Path

from ackd_service.settings import Settings

__all__ = ["artifact_folder"]


def artifact_folder(settings: Settings) -> Path:
    """Return the artefact's folder: ACKD_ARTIFACT, else ``artifact`` beside the service, as a Bento has it."""
    return settings.artifact or Path(__file__).resolve().parent.parent / "artifact"

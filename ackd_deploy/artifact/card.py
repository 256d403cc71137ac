"""The model card of an artefact, from its manifest alone."""

from __future__ import annotations

from ackd_deploy.artifact.schema import Manifest

__all__ = ["render_card"]


def render_card(manifest: Manifest) -> str:
    """Return the model card as Markdown."""
    return f"# {manifest.name}\n"

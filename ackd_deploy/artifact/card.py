"""The model card of an artifact, from its manifest alone."""

from __future__ import annotations

from importlib import resources
from typing import Any

from ackd_deploy.artifact.schema import Manifest
from ackd_deploy.escaping import visible

__all__ = ["render_card"]


def render_card(manifest: Manifest) -> str:
    """Return the model card as Markdown with the metadata block that hubs read.

    What the manifest does not say is left out rather than guessed.
    """
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Markdown is not HTML: names are escaped for the table cells that they stand in.
        autoescape=False,  # noqa: S701
        finalize=lambda value: visible(value) if isinstance(value, str) else value,
    )
    environment.filters["cell"] = _cell
    environment.filters["yaml"] = _yaml
    source = resources.files("ackd_deploy.artifact").joinpath("card.md.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        manifest=manifest, sizes={variant.name: f"{variant.size_bytes / 1e6:.1f}" for variant in manifest.variants}
    )


def _cell(value: Any) -> str:
    """Return a value for a Markdown table: one line, no markup that a name could smuggle in."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(part) for part in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{_cell(key)}: {_cell(part)}" for key, part in value.items()) or "none"
    text = " ".join(str(value).split())
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, "\\" + mark)
    return text


def _yaml(value: str) -> str:
    return "'" + " ".join(value.split()).replace("'", "''") + "'"

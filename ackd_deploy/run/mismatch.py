"""Which keys of two recipes differ, where the difference makes them two experiments."""

from __future__ import annotations

from typing import Any

from ackd_deploy.recipe import Recipe

__all__ = ["recipe_differences"]

# What these sections say is used only after distillation: changing them redoes the export, not the training.
_LATE_SECTIONS = frozenset({"export", "gates", "card", "description"})


def recipe_differences(old: Recipe, new: Recipe) -> list[str]:
    """Return a line for each key that differs; the sections that only the export reads are left out."""
    was, now = (_flatten(recipe.model_dump(mode="json", exclude=set(_LATE_SECTIONS))) for recipe in (old, new))
    keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    return [f"{key}: {was.get(key)!r} in the run, {now.get(key)!r} now" for key in keys]


def _flatten(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, dict):
        return {prefix: content}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat.update(_flatten(value, f"{prefix}.{key}" if prefix else key))
    return flat

"""Folders shipped with the package: recipes and the service.

In a checkout they are at the top level, in an installed wheel inside the package.
"""

from __future__ import annotations

from pathlib import Path

from ackd_deploy.errors import UsageError

__all__ = ["bundled_folder", "bundled_recipe", "bundled_recipes"]

_PACKAGE = Path(__file__).resolve().parent.parent


def bundled_folder(name: str) -> Path:
    """Return the folder ``recipes`` or ``serving`` that belongs to this installation."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


def bundled_recipes() -> list[Path]:
    """Return the shipped recipe files, by name."""
    return sorted(bundled_folder("recipes").glob("*.yaml"))


def bundled_recipe(name: str) -> Path:
    """Return one shipped recipe by its name, or the path itself where it names a file.

    Raises:
        UsageError: there is no such recipe.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        return path
    for recipe in bundled_recipes():
        if recipe.stem == name:
            return recipe
    known = ", ".join(recipe.stem for recipe in bundled_recipes())
    raise UsageError(f"there is no recipe {name!r}", hint=f"shipped recipes: {known}; or give a YAML file")

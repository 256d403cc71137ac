"""Folders shipped with the package: recipes, the service and the documentation.

In a checkout they are at the top level, in an installed wheel inside the package.
"""

from __future__ import annotations

from pathlib import Path

from ackd_deploy.errors import UsageError

__all__ = ["bundled_dockerfile", "bundled_folder", "bundled_recipe", "bundled_recipes"]

_PACKAGE = Path(__file__).resolve().parent.parent


def bundled_folder(name: str) -> Path:
    """Return the folder ``recipes``, ``serving`` or ``docs`` that belongs to this installation."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


def bundled_dockerfile() -> Path:
    """Return the Dockerfile that belongs to this installation."""
    installed = _PACKAGE / "_Dockerfile"
    return installed if installed.is_file() else _PACKAGE.parent / "Dockerfile"


def bundled_recipes() -> list[Path]:
    """Return the shipped recipe files, by name."""
    return sorted(bundled_folder("recipes").glob("*.yaml"))


def bundled_recipe(name: str) -> Path:
    """Return the path of a recipe: the file of that name, or else a shipped recipe, as NAME or recipes/NAME.yaml.

    The second form is what a checkout and the documentation call them; it works from any folder.

    Raises:
        UsageError: there is no such recipe.
    """
    path = Path(name)
    # A name without an ending may be a folder's too, such as a run's; a path with one is what it says.
    if path.is_file() or (path.exists() and path.suffix in {".yaml", ".yml"}):
        return path
    for recipe in bundled_recipes():
        if name == recipe.stem or path == Path("recipes", recipe.name):
            return recipe
    known = ", ".join(recipe.stem for recipe in bundled_recipes())
    raise UsageError(f"there is no recipe {name!r}", hint=f"shipped recipes: {known}; or give a YAML file")

"""The argument RECIPE, the same for every command: a file, or the name of a recipe that is shipped."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from ackd_deploy.recipe.bundled import bundled_recipe, bundled_recipes

__all__ = ["RECIPE"]


class RecipeType(click.ParamType):  # type: ignore[type-arg]
    """Converts to the recipe's path; completes the shipped names, then files."""

    name = "recipe"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path of the recipe's file."""
        return bundled_recipe(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the shipped names that begin so; the shell adds files."""
        names = [recipe.stem for recipe in bundled_recipes() if recipe.stem.startswith(incomplete)]
        return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


RECIPE = RecipeType()

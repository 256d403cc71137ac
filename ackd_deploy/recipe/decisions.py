"""What the recipe's ways to decide ask of the labels, which are known only when the data is read."""

from __future__ import annotations

from ackd_deploy.errors import RecipeError
from ackd_deploy.recipe.schema import Recipe

__all__ = ["check_thresholds"]


def check_thresholds(recipe: Recipe, labels: int) -> None:
    """Check that thresholds, where the recipe wants any, can be tuned for so many labels.

    Raises:
        RecipeError: single-label classification with more than two classes, where the largest score decides.
    """
    if recipe.export.thresholds is not None and recipe.data.task.exclusive and labels != 2:
        raise RecipeError(
            recipe.name,
            [f"export.thresholds: one label a text of {labels}; thresholds are for two classes and multi-label tasks"],
            hint="distill.class_weights gives rare classes more weight",
        )

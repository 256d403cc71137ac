"""The recipe: a typed description of one run, loaded from YAML with overrides."""

from ackd_deploy.recipe.load import dump_recipe, load_recipe, parse_recipe
from ackd_deploy.recipe.schema import Recipe

__all__ = ["Recipe", "dump_recipe", "load_recipe", "parse_recipe"]

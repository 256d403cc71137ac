"""``ackd-deploy recipe``: list, show, check and create recipes."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.table import Table

from ackd_deploy import console
from ackd_deploy.cli.options import json_option, set_option
from ackd_deploy.cli.recipe_argument import RECIPE
from ackd_deploy.cli.recipe_init import init
from ackd_deploy.errors import UsageError
from ackd_deploy.files import write_text
from ackd_deploy.recipe import Recipe, dump_recipe, load_recipe
from ackd_deploy.recipe.bundled import bundled_recipes


def _summary(path: Path) -> str:
    """Return the first comment line, without the name that it opens with."""
    first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    return first.partition(": ")[2] or first


@click.group()
def command() -> None:
    """List, show, check and start recipes."""


@command.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the shipped recipes."""
    entries = [{"name": p.stem, "path": str(p), "summary": _summary(p)} for p in bundled_recipes()]
    if as_json:
        console.emit_json(entries)
        return
    table = Table("recipe", "what it is", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(entry["name"], entry["summary"])
    console.print_table(table)


@command.command()
@click.argument("recipe", type=RECIPE, required=False)
@click.option("--schema", is_flag=True, help="Show every key with its type and default instead.")
@set_option
@json_option
def show(recipe: Path | None, schema: bool, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show RECIPE with every default written out."""
    if schema:
        console.emit_json(Recipe.model_json_schema())
        return
    if recipe is None:
        raise click.UsageError("name a recipe, or ask for --schema")
    loaded = load_recipe(recipe, overrides=overrides)
    if as_json:
        console.emit_json(loaded.model_dump(mode="json"))
    else:
        console.print_result(dump_recipe(loaded).rstrip())


@command.command()
@click.argument("recipes", type=RECIPE, nargs=-1, required=True)
@click.option("--no-data", is_flag=True, help="Check the recipe alone, without the data and models that it names.")
@set_option
@json_option
def validate(recipes: tuple[Path, ...], no_data: bool, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check RECIPES and the data files and model folders that they name, and show what the data holds.

    Nothing is fetched from a hub.
    """
    results = []
    for name in recipes:
        loaded = load_recipe(name, overrides=overrides)
        distant: list[str] = []
        profile = None
        if not no_data:
            from ackd_deploy.models.preflight import check_sources

            checked = check_sources(loaded)
            distant, profile = checked.distant, checked.profile
        if as_json:
            found = profile.model_dump(mode="json") if profile else None
            results.append({"recipe": str(name), "name": loaded.name, "not_looked_at": distant, "profile": found})
            continue
        if profile is not None:
            from ackd_deploy.cli.profile_view import profile_view

            console.print_table(profile_view(profile))
        beside = f"; on a hub and not looked at: {', '.join(distant)}" if distant else ""
        console.print_result(f"{name}: good ({loaded.name}){beside}")
    if as_json:
        console.emit_json(results)


command.add_command(init)


@command.command()
@click.argument("recipe", type=RECIPE)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def copy(recipe: Path, file: Path | None) -> None:
    """Copy RECIPE, by name or path, to FILE to be changed; absent: its own name in this folder."""
    target = file or Path(recipe.name)
    if target.exists():
        raise UsageError(f"{target} already exists and was not changed", hint="give another name")
    write_text(target, recipe.read_text(encoding="utf-8"))
    console.print_result(f"wrote {target}; next: ackd-deploy run {shlex.quote(str(target))}")


@command.command()
@click.argument("name", type=click.Choice(["quickstart"]))
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".cache/quickstart"),
    show_default=True,
    help="Folder to put model and data in; the recipe expects the default.",
)
def fetch(name: str, folder: Path) -> None:
    """Fetch the model and the data of a shipped recipe, checksums pinned."""
    from ackd_deploy.quickstart.assets import DEFAULT_ASSETS, fetch_assets

    fetch_assets(folder)
    moved = "" if folder == DEFAULT_ASSETS else _moved(folder)
    console.print_result(f"fetched into {folder}; next: ackd-deploy run quickstart{moved}")


def _moved(folder: Path) -> str:
    """Return the overrides that the quickstart needs where its files lie in another folder."""
    files = {
        "teacher.model": "minilm",
        "data.train": "movie_reviews/train.tsv",
        "data.validation": "movie_reviews/validation.tsv",
    }
    return "".join(f" --set {shlex.quote(f'{key}={folder / name}')}" for key, name in files.items())

"""Options that several commands share, and the run that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ackd_deploy.cli.recipe_argument import RECIPE
from ackd_deploy.recipe import Recipe, load_recipe
from ackd_deploy.run import DEFAULT_RUNS, Run, newest_run
from ackd_deploy.run.newest import Having

__all__ = [
    "find_artifact",
    "find_run",
    "json_option",
    "open_run",
    "provider_option",
    "run_option",
    "runs_option",
    "served_provider_option",
    "set_option",
    "threads_option",
    "training_options",
]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_FOLDER = click.Path(file_okay=False, path_type=Path)

_recipe_argument: Decorator = click.argument("recipe", type=RECIPE)
set_option: Decorator = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a recipe key, such as distill.epochs=2."
)
run_option: Decorator = click.option("--run", "run_folder", type=_FOLDER, help="The run's folder.")
runs_option: Decorator = click.option(
    "--runs", type=_FOLDER, default=DEFAULT_RUNS, show_default=True, help="Folder that holds the runs."
)
_fresh_option: Decorator = click.option(
    "--fresh", is_flag=True, help="Delete an older run of this name and start over."
)
_device_option: Decorator = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]", help="Where to train."
)
_PROVIDER: dict[str, Any] = {
    "default": "cpu",
    "show_default": True,
    "metavar": "cpu|cuda|NAME",
    "help": "ONNX Runtime execution provider.",
}
provider_option: Decorator = click.option("--provider", **_PROVIDER)
served_provider_option: Decorator = click.option("--provider", envvar="ACKD_PROVIDER", show_envvar=True, **_PROVIDER)
threads_option: Decorator = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads for inference; by default what the cgroup's quota gives."
)
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every command that trains takes: RECIPE, --set, --run, --runs, --fresh and --device."""
    for option in (_device_option, _fresh_option, runs_option, run_option, set_option, _recipe_argument):
        # Click lists options in the order of the decorators from the top, so the last one is applied first.
        command = option(command)
    return command


def open_run(recipe_path: Path, *, overrides: tuple[str, ...], run_folder: Path | None, runs: Path, fresh: bool) -> Run:
    """Create or resume the run that a recipe describes."""
    recipe: Recipe = load_recipe(recipe_path, overrides=overrides)
    return Run.open(run_folder or runs / recipe.name, recipe, fresh=fresh)


def find_run(run_folder: Path | None, runs: Path, *, having: Having = "anything") -> Run:
    """Return the named run, or the newest one that has a student, or an artifact."""
    return Run.load(run_folder) if run_folder else newest_run(runs, having=having)


def find_artifact(artifact: Path | None, runs: Path) -> Path:
    """Return the named artifact folder, or that of the newest exported run."""
    if artifact is None:
        return newest_run(runs, having="artifact").path("artifact")
    # A run's folder is accepted too, and means its artifact.
    return artifact / "artifact" if (artifact / "run.json").is_file() else artifact

"""What is done to a run's folder before it is a run in memory: locked, cleared, checked, read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ackd_deploy.errors import ArtifactError, RecipeError, RunLocked, UsageError
from ackd_deploy.files import read_bounded
from ackd_deploy.locking import exclusive
from ackd_deploy.recipe import Recipe, parse_recipe
from ackd_deploy.run.state import RunState, read_state

__all__ = ["check_unused", "clear", "locked", "read_run"]

_LOCK = ".lock"
# Every default is written out there, so it is longer than the recipe that it was made from.
_MAX_RECIPE = 2_000_000
# What a run, its reports, ablations and sweeps write into its folder; a leading dot marks files under construction.
_OWN = frozenset(
    {
        "recipe.yaml", "run.json", "metrics.jsonl", "encoded", "augmented", "tokenizer", "tokenizer-student",
        "teacher", "student", "baselines", "bank", "predictions", "checkpoints", "profile.json", "skipped.jsonl",
        "artifact", "report", "ablation", "sweep", _LOCK,
    }
)  # fmt: skip
_OWN_PREFIXES = (".tmp-", ".old-")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder.

    Raises:
        RunLocked: another process holds the lock.
    """
    with ExitStack() as stack:
        # Only around the lock itself: a full pipe raises BlockingIOError too, and is no other process.
        try:
            stack.enter_context(exclusive(folder / _LOCK, wait=False))
        except BlockingIOError as error:
            raise RunLocked(
                f"another process is working in {folder}",
                hint="wait until it ends, or give this run another folder with --run",
            ) from error
        yield


def _foreign(folder: Path, own: frozenset[str]) -> list[str]:
    """Return the names in a folder beside ``own`` and files under construction."""
    names = [entry.name for entry in folder.iterdir()] if folder.exists() else []
    return sorted(name for name in names if name not in own and not name.startswith(_OWN_PREFIXES))


def clear(folder: Path) -> None:
    """Remove what a run wrote into its folder, but its lock.

    Raises:
        RunLocked: another process is working there.
        UsageError: the folder holds something that no run writes; nothing is removed then.
    """
    with locked(folder):
        if foreign := _foreign(folder, _OWN):
            raise UsageError(
                f"{folder} holds what no run writes ({', '.join(foreign[:5])}), so --fresh removes nothing there",
                hint="move these away, or give another folder with --run",
            )
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != _LOCK:
                entry.unlink()


def check_unused(folder: Path) -> None:
    """Check that a folder without a run holds no files of the user's.

    Raises:
        UsageError: it does.
    """
    if foreign := _foreign(folder, frozenset({"recipe.yaml", _LOCK})):
        raise UsageError(
            f"{folder} is not a run: it has no run.json but holds {', '.join(foreign[:5])}",
            hint="give another folder with --run; nothing was changed",
        )


def read_run(folder: Path) -> tuple[RunState, Recipe]:
    """Read run.json and recipe.yaml.

    Raises:
        ArtifactError: one of them is damaged, or of another version of ackd-deploy.
    """
    hint = "start over with --fresh, or restore the file from a backup"
    try:
        state = read_state(folder / "run.json")
        text = read_bounded(folder / "recipe.yaml", _MAX_RECIPE).decode()
        return state, parse_recipe(text, source=str(folder / "recipe.yaml"))
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"the run in {folder} cannot be read: {error}", hint=hint) from error
    except RecipeError as error:
        raise ArtifactError(f"the run in {folder} cannot be read: {error.message}", hint=hint) from error
    except ArtifactError as error:
        raise ArtifactError(f"the run in {folder} cannot be read: {error.message}", hint=error.hint or hint) from error

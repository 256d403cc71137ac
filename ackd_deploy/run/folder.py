"""A run's folder: its recipe, which stages are done, and what they found.

``run.json`` alone decides what is done. It is replaced atomically after a stage's files are whole, so a
run that was killed anywhere is either before a stage's end or after it.
"""

from __future__ import annotations

import datetime
import json
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ackd_deploy import __version__
from ackd_deploy.errors import ArtifactError, RecipeError, RunLocked, RunMismatch, UsageError
from ackd_deploy.files import read_json, remove_leftovers, write_json, write_text
from ackd_deploy.recipe import Recipe, dump_recipe, parse_recipe

__all__ = ["DEFAULT_RUNS", "Run", "newest_run", "package_versions"]

DEFAULT_RUNS = Path("runs")
_SCHEMA = 1
# What these sections say is used only after distillation: changing them redoes the export, not the training.
_LATE_SECTIONS = frozenset({"export", "gates", "description"})
_PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "optimum", "onnx", "onnxruntime", "bentoml", "numpy")


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that shape a run, without importing them."""
    versions = {"ackd-deploy": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _flatten(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, dict):
        return {prefix: content}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat.update(_flatten(value, f"{prefix}.{key}" if prefix else key))
    return flat


def _differences(old: Recipe, new: Recipe) -> list[str]:
    was, now = (_flatten(r.model_dump(mode="json", exclude=set(_LATE_SECTIONS))) for r in (old, new))
    keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    return [f"{key}: {was.get(key)!r} in the run, {now.get(key)!r} now" for key in keys]


class Run:
    """One run on disk. Make it with `Run.open` (from a recipe) or `Run.load` (what is there)."""

    def __init__(self, folder: Path, recipe: Recipe, state: dict[str, Any]) -> None:
        self.folder = folder
        self.recipe = recipe
        self._state = state

    @classmethod
    def open(cls, folder: Path, recipe: Recipe, *, fresh: bool = False) -> Run:
        """Create the run, or go on with the one that is there.

        Args:
            folder: the run's own folder, such as runs/quickstart.
            recipe: what the run shall do.
            fresh: throw an older run in this folder away first.

        Raises:
            RunMismatch: the folder holds a run of another recipe; lists the differing keys.
            UsageError: the folder holds something that is no run.
        """
        manifest = folder / "run.json"
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file, not a run's folder")
        if fresh and manifest.exists():
            with _lock(folder):
                for entry in folder.iterdir():
                    if entry.is_dir() and not entry.is_symlink():
                        shutil.rmtree(entry)
                    elif entry.name != _LOCK:
                        entry.unlink()
        if manifest.exists():
            run = cls.load(folder)
            differences = _differences(run.recipe, recipe)
            if differences and run._holds_work():
                raise RunMismatch(
                    "\n  ".join([f"{folder} holds a run of another recipe:", *differences]),
                    hint="name another run (--set name=NEW or --run DIR), or start over with --fresh",
                )
            if run.recipe != recipe:
                run.recipe = recipe
                write_text(folder / "recipe.yaml", dump_recipe(recipe))
                # Without differences only the export is redone; with them the run stopped before it had anything
                # to lose, as where a hub was out of reach.
                run._state["seed"] = recipe.seed
                run.reset(*(run._state["stages"] if differences else ["export"]))
            return run
        foreign = (
            [e.name for e in folder.iterdir() if not e.name.startswith(".") and e.name != "recipe.yaml"]
            if folder.exists()
            else []
        )
        if foreign:
            raise UsageError(
                f"{folder} is not a run: it has no run.json but holds {', '.join(sorted(foreign)[:5])}",
                hint="give another folder with --run; nothing there was touched",
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "recipe.yaml", dump_recipe(recipe))
        state = {
            "schema": _SCHEMA,
            "name": recipe.name,
            "created": _now(),
            "seed": recipe.seed,
            "versions": package_versions(),
            "stages": {},
        }
        write_json(manifest, state)
        return cls(folder, recipe, state)

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read an existing run.

        Raises:
            UsageError: there is no run in this folder.
            ArtifactError: its run.json or recipe.yaml is damaged.
        """
        manifest = folder / "run.json"
        if not manifest.is_file():
            raise UsageError(f"there is no run in {folder}", hint="ackd-deploy distill RECIPE makes one")
        hint = "start over with --fresh, or restore the file from a backup"
        try:
            state = read_json(manifest)
            if (
                not isinstance(state, dict)
                or state.get("schema") != _SCHEMA
                or not isinstance(state.get("stages"), dict)
            ):
                raise ArtifactError(f"{manifest} is not a run of this version of ackd-deploy")
            text = (folder / "recipe.yaml").read_text(encoding="utf-8")
            recipe = parse_recipe(text, source=str(folder / "recipe.yaml"))
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(f"the run in {folder} is damaged: {error}", hint=hint) from error
        except (RecipeError, ArtifactError) as error:
            raise ArtifactError(f"the run in {folder} is damaged: {error.message}", hint=hint) from error
        return cls(folder, recipe, state)

    def _holds_work(self) -> bool:
        checkpoints = self.path("checkpoints")
        return bool(self.stages()) or (checkpoints.is_dir() and any(checkpoints.iterdir()))

    def path(self, *parts: str) -> Path:
        """Return a path inside the run's folder."""
        return self.folder.joinpath(*parts)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out of this run while working in it.

        Raises:
            RunLocked: another process holds the lock.
        """
        with _lock(self.folder):
            # Another process may have gone on with the run between our reading it and getting the lock.
            self._state = read_json(self.path("run.json"))
            remove_leftovers(self.folder)
            yield

    def is_done(self, stage: str) -> bool:
        """Tell whether a stage has ended well."""
        return bool(self._state["stages"].get(stage, {}).get("state") == "done")

    def stages(self) -> list[str]:
        """Return the names of the stages that are done, in the order in which they ended."""
        return [name for name in self._state["stages"] if self.is_done(name)]

    def facts(self, stage: str) -> dict[str, Any]:
        """Return what a stage recorded when it ended, well or not; empty where it hasn't."""
        facts: dict[str, Any] = self._state["stages"].get(stage, {}).get("facts", {})
        return facts

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of run.json, as plain data."""
        return json.loads(json.dumps(self._state))  # type: ignore[no-any-return]

    def start(self, stage: str) -> None:
        """Record that a stage has begun; what it recorded before is forgotten."""
        self._state["stages"].pop(stage, None)
        self._state["stages"][stage] = {"state": "running", "started": _now()}
        self._write()

    def finish(self, stage: str, **facts: Any) -> None:
        """Record that a stage's files are whole, and what it found (plain JSON data)."""
        entry = self._state["stages"].setdefault(stage, {"started": _now()})
        entry.update(state="done", finished=_now(), facts=facts)
        self._state["versions"] = package_versions()
        self._write()

    def fail(self, stage: str, **facts: Any) -> None:
        """Record what a stage found before it stopped the line; it is not done, and runs again."""
        entry = self._state["stages"].setdefault(stage, {"started": _now()})
        entry.update(state="failed", finished=_now(), facts=facts)
        self._write()

    def reset(self, *stages: str) -> None:
        """Forget stages, so that they run again."""
        self._state["stages"] = {n: entry for n, entry in self._state["stages"].items() if n not in stages}
        self._write()

    def log_metrics(self, **fields: Any) -> None:
        """Append one line to metrics.jsonl; a line that a crash cut short is for readers to skip."""
        with self.path("metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(fields) + "\n")

    def _write(self) -> None:
        write_json(self.path("run.json"), self._state)


_LOCK = ".lock"


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    # The operating system frees the lock when its holder dies, so a killed run leaves nothing to clean up.
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunLocked(
            f"another process is working in {folder}",
            hint="wait until it ends, or give this run another folder with --run",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def newest_run(runs: Path = DEFAULT_RUNS, *, stage: str | None = None) -> Run:
    """Return the run under ``runs`` whose last stage ended last.

    Args:
        runs: the folder of runs.
        stage: only runs in which this stage is done; "student" stands for the recipe's own method.

    Raises:
        UsageError: there is none.
    """
    found: list[tuple[str, Run]] = []
    for manifest in sorted(runs.glob("*/run.json")):
        try:
            run = Run.load(manifest.parent)
        except ArtifactError:
            # One damaged run must not hide the others; naming it with --run shows its error.
            continue
        wanted = f"student-{run.recipe.distill.method}" if stage == "student" else stage
        if wanted is None or run.is_done(wanted):
            ends = [entry.get("finished", "") for entry in run.manifest["stages"].values()]
            found.append((max(ends, default=""), run))
    if not found:
        what = {None: "run", "student": "finished run", "export": "exported run"}.get(stage, f"run with stage {stage}")
        hint = (
            "ackd-deploy export --onnx makes an artifact"
            if stage == "export"
            else "ackd-deploy distill RECIPE makes one; or name a run with --run DIR"
        )
        raise UsageError(f"there is no {what} under {runs}/", hint=hint)
    return max(found, key=lambda pair: pair[0])[1]

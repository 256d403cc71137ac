"""A run's folder: its recipe, which stages are done, and what they found.

``run.json`` alone decides what is done. It is replaced atomically after a stage's files are whole, so a
run that was killed anywhere is either before a stage's end or after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from ackd_deploy.errors import RunMismatch, UsageError
from ackd_deploy.files import remove_leftovers, write_text
from ackd_deploy.recipe import Recipe, dump_recipe
from ackd_deploy.run.mismatch import recipe_differences
from ackd_deploy.run.opening import check_unused, clear, locked, read_run
from ackd_deploy.run.records import ModelRecord, Record
from ackd_deploy.run.stages import EXPORT, TEACHER, Stage, parse_stage, student_stage
from ackd_deploy.run.state import RunState, StageEntry, now, read_state, write_state
from ackd_deploy.run.versions import package_versions
from ackd_deploy.tasks import Task

__all__ = ["Run"]

R = TypeVar("R", bound=Record)


class Run:
    """One run on disk. Make it with `Run.open` (from a recipe) or `Run.load` (what is there)."""

    def __init__(self, folder: Path, recipe: Recipe, state: RunState) -> None:
        self.folder = folder
        self.recipe = recipe
        self._state = state

    @classmethod
    def open(cls, folder: Path | str, recipe: Recipe, *, fresh: bool = False) -> Run:
        """Create the run, or continue the existing one.

        Args:
            folder: the run's own folder, such as runs/quickstart.
            recipe: of the run.
            fresh: delete an older run in this folder first.

        Raises:
            RunMismatch: the folder holds a run of another recipe, with something trained; lists the differing keys.
            UsageError: the folder holds something that is not a run.
        """
        folder = Path(folder)
        manifest = folder / "run.json"
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file, not a run's folder")
        if fresh and manifest.exists():
            clear(folder)
        if manifest.exists():
            run = cls.load(folder)
            differences = recipe_differences(run.recipe, recipe)
            # What only an export made is made again; what was trained is not thrown away.
            if differences and run._holds_work() and not (run.recipe.existing and recipe.existing):
                raise RunMismatch(
                    "\n  ".join([f"{folder} holds a run of another recipe:", *differences]),
                    hint="name another run (--set name=NEW or --run DIR), or start over with --fresh",
                )
            if run.recipe != recipe:
                run.recipe = recipe
                write_text(folder / "recipe.yaml", dump_recipe(recipe))
                # Without differences only the export is redone; with them the run stopped before it had anything
                # to lose, as where a hub was out of reach, or it trains nothing.
                run._state.seed = recipe.seed
                run.reset(*(map(parse_stage, run._state.stages) if differences else [EXPORT]))
            return run
        check_unused(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "recipe.yaml", dump_recipe(recipe))
        state = RunState.new(recipe.name, recipe.seed)
        write_state(manifest, state)
        return cls(folder, recipe, state)

    @classmethod
    def load(cls, folder: Path | str) -> Run:
        """Read an existing run.

        Raises:
            UsageError: there is no run in this folder.
            ArtifactError: its run.json or recipe.yaml is damaged, or of another version of ackd-deploy.
        """
        folder = Path(folder)
        manifest = folder / "run.json"
        if not manifest.is_file():
            raise UsageError(f"there is no run in {folder}", hint="ackd-deploy distill RECIPE makes one")
        state, recipe = read_run(folder)
        return cls(folder, recipe, state)

    def _holds_work(self) -> bool:
        checkpoints = self.path("checkpoints")
        return bool(self.stages()) or (checkpoints.is_dir() and any(checkpoints.iterdir()))

    def check_inputs(self, found: Mapping[str, str]) -> None:
        """Check that data and models are those that the run's stages were made from.

        Args:
            found: recipe key to fingerprint now; keys that are left out aren't compared.

        Raises:
            RunMismatch: some are others, and the run holds work that was made from them.
        """
        changed = self.changed_inputs(found)
        if changed:
            raise RunMismatch(
                f"{self.folder} was made from other content: what {', '.join(changed)} names has changed since",
                hint="start over with --fresh, name another run (--set name=NEW or --run DIR), or restore the files",
            )

    def changed_inputs(self, found: Mapping[str, str]) -> list[str]:
        """Return the recipe keys whose content is another than the one that the run's stages were made from.

        Args:
            found: as for `check_inputs`.
        """
        if not self._holds_work():
            return []
        return [key for key, fingerprint in found.items() if self._state.inputs.get(key) != fingerprint]

    def record_inputs(self, found: Mapping[str, str]) -> None:
        """Record the fingerprints of what the stages are about to be made from."""
        if self._state.inputs != found:
            self._state.inputs = dict(found)
            self._write()

    def path(self, *parts: str) -> Path:
        """Return a path inside the run's folder."""
        return self.folder.joinpath(*parts)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out of this run while working in it.

        Raises:
            RunLocked: another process holds the lock.
        """
        with locked(self.folder):
            # Another process may have gone on with the run between our reading it and getting the lock.
            self._state = read_state(self.path("run.json"))
            remove_leftovers(self.folder)
            yield

    @property
    def student(self) -> Stage[ModelRecord]:
        """The stage of the model that is exported: the recipe's own method's, or the teacher's where there is none."""
        method = self.recipe.distill.method
        return TEACHER if method == "none" else student_stage(method)

    @property
    def student_folder(self) -> Path:
        """The folder of that model."""
        return self.path("teacher" if self.student is TEACHER else "student")

    def is_done(self, stage: Stage[Any]) -> bool:
        """Tell whether a stage has ended well."""
        entry = self._state.stages.get(stage.name)
        return entry is not None and entry.state == "done"

    def stages(self) -> list[Stage[Any]]:
        """Return the stages that are done, in the order in which they ended."""
        return [stage for stage in map(parse_stage, self._state.stages) if self.is_done(stage)]

    def models(self) -> dict[str, Stage[ModelRecord]]:
        """Return the stages of the models that are done, by the model's name, in the order in which they ended."""
        return {stage.model: stage for stage in self.stages() if stage.record is ModelRecord}

    @property
    def task(self) -> Task:
        """The task with the recipe's deciding metric, for the labels that its models were trained on."""
        names = next((names for stage in self.models().values() if (names := self.record(stage).label_names)), ())
        return self.recipe.data.task_for(names) if names else self.recipe.data.task

    def entries(self) -> dict[str, StageEntry]:
        """Return all stages that have begun, by name, done or not."""
        return dict(self._state.stages)

    def find(self, stage: Stage[R]) -> R | None:
        """Return what a stage recorded when it ended, well or not; None where it hasn't."""
        entry = self._state.stages.get(stage.name)
        record = None if entry is None else entry.record
        if record is not None and not isinstance(record, stage.record):
            raise TypeError(f"{stage} holds a {type(record).__name__}")
        return record

    def record(self, stage: Stage[R]) -> R:
        """Return what a stage recorded that has ended.

        Raises:
            LookupError: it hasn't.
        """
        found = self.find(stage)
        if found is None:
            raise LookupError(f"stage {stage} of {self.folder} has recorded nothing")
        return found

    @property
    def state(self) -> RunState:
        """A copy of what run.json holds."""
        return self._state.model_copy(deep=True)

    def start(self, stage: Stage[Any]) -> None:
        """Record that a stage has begun; what it recorded before is forgotten."""
        self._state.stages.pop(stage.name, None)
        self._state.stages[stage.name] = StageEntry(state="running", started=now())
        self._write()

    def finish(self, stage: Stage[R], record: R) -> None:
        """Record that a stage's files are whole, and what it found."""
        self._end(stage, "done", record)

    def amend(self, stage: Stage[R], record: R) -> None:
        """Replace what an ended stage recorded; how and when it ended stays."""
        self._state.stages[stage.name] = self._state.stages[stage.name].model_copy(update={"record": record})
        self._write()

    def fail(self, stage: Stage[R], record: R) -> None:
        """Record what a stage found before it failed; it is not done, and runs again."""
        self._end(stage, "failed", record)

    def _end(self, stage: Stage[R], state: Literal["done", "failed"], record: R) -> None:
        begun = self._state.stages.get(stage.name)
        self._state.stages[stage.name] = StageEntry(
            state=state, started=begun.started if begun else now(), finished=now(), record=record
        )
        self._state.versions = package_versions()
        self._write()

    def reset(self, *stages: Stage[Any]) -> None:
        """Forget stages, so that they run again."""
        for stage in stages:
            self._state.stages.pop(stage.name, None)
        self._write()

    def predictions(self, stage: Stage[Any]) -> Path:
        """Return the file of a model's logits and labels on the held-out rows."""
        return self.path("predictions", f"{stage.model}.safetensors")

    def log_metrics(self, **fields: Any) -> None:
        """Append one line to metrics.jsonl; a line that a crash cut short is for readers to skip."""
        with self.path("metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(fields) + "\n")

    def _write(self) -> None:
        write_state(self.path("run.json"), self._state)

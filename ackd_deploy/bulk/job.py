"""The folder beside an output that holds what is done of it, and the fingerprints that say what it was done from."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ackd_deploy.bulk.survey import Survey
from ackd_deploy.errors import ArtifactError, RunLocked, RunMismatch, UsageError
from ackd_deploy.files import read_json, remove_leftovers, sha256_file, write_bytes, write_json
from ackd_deploy.locking import exclusive

__all__ = ["Job", "JobFolder", "Part", "State"]

_STATE = "job.json"
_LOCK = ".lock"
_OWN = re.compile(r"(job\.json|\.lock|\.tmp-.*|part-\d{7}(\.json)?)$")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Job(_Record):
    """All that decides what is written. Threads and workers don't: another number of them may go on.

    Attributes:
        artifact: SHA-256 of its manifest, which holds those of its files.
        variant, provider: of the model.
        input: SHA-256 of the file.
        format: ending of the output.
        text, text_pair: columns of the texts.
        prefix: of the answers' columns; None: chosen by the columns of the file.
        on_error: ``stop`` or ``skip``.
        batch_size: rows that run together.
        part_rows: records of a part. Texts are sorted by length within one.
        abstains: whether the artifact decides which answers are for a person to review.
    """

    version: int = 1
    artifact: str
    variant: str
    provider: str
    input: str
    format: str
    text: str
    text_pair: str | None
    prefix: str | None
    on_error: str
    batch_size: int
    part_rows: int
    abstains: bool = False


class State(_Record):
    """The first file of the folder: the job, and what the first pass over its input found."""

    job: Job
    survey: Survey

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-self.survey.rows // self.job.part_rows)


class Part(_Record):
    """What is known of one part: SHA-256 of its file, records that it took and wrote, and those that it skipped."""

    sha256: str
    taken: int
    written: int
    skipped: list[tuple[int, str]]


class JobFolder:
    """``OUTPUT.parts``: parts in their order, each with a record that is written after it.

    Args:
        output: the file to be.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(f"{output.name}.parts")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, which is made where it isn't there.

        Raises:
            RunLocked: another process works in it.
            UsageError: it holds files of somebody else, which it would take along in the end.
        """
        if self.folder.is_dir() and (foreign := [e.name for e in self.folder.iterdir() if not _OWN.match(e.name)]):
            raise UsageError(
                f"{self.folder} holds other files, such as {foreign[0]!r}", hint="move them, or name another output"
            )
        try:
            with exclusive(self.folder / _LOCK, wait=False):
                # What a killed process left half-written.
                remove_leftovers(self.folder)
                yield
        except BlockingIOError as error:
            raise RunLocked(
                f"another process works in {self.folder}", hint="wait until it ends, or name another output"
            ) from error

    @contextmanager
    def opened(self, job: Job, begin: Callable[[], State], *, fresh: bool) -> Iterator[State]:
        """Begin a job or go on with it, for as long as the block lasts.

        Args:
            job: what is to be done.
            begin: looks at the input; what it raises leaves no folder behind.
            fresh: drop what is here.

        Raises:
            RunMismatch, RunLocked, UsageError, ArtifactError: as the methods below say, and what ``begin`` raises.
        """
        if fresh and self.folder.is_dir():
            with self.locked():
                self.clear()
        begun = None if self.folder.is_dir() else begin()
        with self.locked():
            state = self.state()
            if state is None:
                state = begun or begin()
                write_json(self.folder / _STATE, state.model_dump(mode="json"))
            self.check(state, job)
            yield state

    def state(self) -> State | None:
        """Return what was begun here; None where nothing was.

        Raises:
            ArtifactError: the file is damaged.
        """
        path = self.folder / _STATE
        if not path.exists():
            return None
        try:
            return State.model_validate(read_json(path))
        except (ArtifactError, ValidationError) as error:
            raise ArtifactError(f"{path} is damaged", hint=f"--fresh drops {self.folder} and starts over") from error

    def check(self, state: State, job: Job) -> None:
        """Refuse to mix two jobs.

        Raises:
            RunMismatch: what is here was made from something else; says what has changed.
        """
        old, new = state.job.model_dump(), job.model_dump()
        changed = [name for name in new if old[name] != new[name]]
        if changed:
            what = ", ".join(name if name in ("artifact", "input") else f"{name} {old[name]!r}" for name in changed)
            raise RunMismatch(
                f"{self.folder} holds part of another job: it differs in {what}",
                hint="--fresh drops it and starts over; or name another output",
            )

    def clear(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, index: int, content: bytes, *, taken: int, written: int, skipped: list[tuple[int, str]]) -> Part:
        """Write one part and then its record: a part without one is none."""
        write_bytes(self.file(index), content)
        part = Part(sha256=sha256_file(self.file(index)), taken=taken, written=written, skipped=skipped)
        write_json(self._record(index), part.model_dump(mode="json"))
        return part

    def done(self, index: int) -> Part | None:
        """Return the record of a part that is whole; None where it must be made (again)."""
        try:
            part = Part.model_validate(read_json(self._record(index)))
            return part if sha256_file(self.file(index)) == part.sha256 else None
        except (ArtifactError, ValidationError, FileNotFoundError):
            return None

    def content(self, index: int) -> bytes:
        """Return the content of a part."""
        return self.file(index).read_bytes()

    def file(self, index: int) -> Path:
        """Return where the content of a part lies."""
        return self.folder / f"part-{index:07d}"

    def _record(self, index: int) -> Path:
        return self.folder / f"part-{index:07d}.json"

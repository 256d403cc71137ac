"""What `predict` is asked for a file or a folder, and the steps that both share."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ackd_deploy import console
from ackd_deploy.artifact.load import MANIFEST
from ackd_deploy.artifact.schema import Manifest
from ackd_deploy.bulk.columns import TextColumns
from ackd_deploy.bulk.job import Job, Part, State
from ackd_deploy.bulk.part_writer import PartWriter, Source
from ackd_deploy.bulk.workers import Write
from ackd_deploy.files import sha256_file
from ackd_deploy.runtime.cpu import cpu_features, effective_cpus
from ackd_deploy.runtime.variant_choice import choose_variant

__all__ = ["FileJob", "described", "make_writer", "show_progress", "threads_of_one"]


@dataclass(frozen=True)
class FileJob:
    """What is to be predicted, and how: a file, or a folder of Parquet files.

    Attributes:
        source: the model.
        input: file of texts, or folder.
        output: file to write, its ending names the format; or folder.
        text_column, pair_column: names; None: those of the artifact.
        prefix: of the answers' columns; None: see `answer_prefix`.
        on_error: ``stop``, or ``skip`` records that cannot be used and list them in a file beside the output.
        batch_size: rows that run together, at most.
        workers: processes.
        engine: ``processes`` of this machine, or ``ray`` for a folder.
        fresh: drop what an earlier job left.
        part_rows: records of a part, which are sorted by length together and lost together by a kill;
            of a folder, sixteen times as many.
    """

    source: Source
    input: Path
    output: Path
    text_column: str | None = None
    pair_column: str | None = None
    prefix: str | None = None
    on_error: str = "stop"
    batch_size: int = 32
    workers: int = 1
    engine: str = "processes"
    fresh: bool = False
    part_rows: int = 4096

    @property
    def skipped(self) -> Path:
        """The file that lists what was skipped."""
        return self.output.with_name(f"{self.output.name}.skipped.csv")


def described(given: FileJob, manifest: Manifest, columns: TextColumns, *, fingerprint: str, ending: str) -> Job:
    """Return all that decides what will be written."""
    source = given.source
    variant, _ = choose_variant(
        manifest, cpu_features(), source.variant, strict=source.strict, provider=source.provider
    )
    return Job(
        artifact=sha256_file(source.artifact / MANIFEST),
        variant=variant.name,
        provider=source.provider,
        input=fingerprint,
        format=ending,
        text=columns.text,
        text_pair=columns.pair,
        prefix=given.prefix,
        on_error=given.on_error,
        batch_size=given.batch_size,
        part_rows=given.part_rows,
        abstains=manifest.accepts_from is not None,
    )


def threads_of_one(given: FileJob) -> int | None:
    """Return the threads of each process; None: all."""
    if given.workers == 1 or given.source.threads is not None:
        return given.source.threads
    return max(1, effective_cpus() // given.workers)


def make_writer(given: FileJob, state: State, *, source: Path) -> Write:
    """Load the model; ``source`` has the types of the input's columns."""
    model = replace(given.source, threads=threads_of_one(given))
    return PartWriter(model.load(), state, source=source, output=given.output).write


def show_progress(parts: Iterable[Part], *, total: int, done: int) -> None:
    """Go through parts as they are made, with records a second and the time left."""
    started, rows = time.monotonic(), 0
    with console.progress("predict", total, done=done) as advance:
        for part in parts:
            rows += part.taken
            rate = rows / max(time.monotonic() - started, 1e-9)
            advance(part.taken, rate=f"{rate:,.0f} rows/s", left=_duration((total - done - rows) / rate))


def _duration(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(seconds)) if seconds < 86_400 else f"{seconds / 86_400:.1f} days"

"""A whole file to a file: resumable, in bounded memory, by one process or several."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from ackd_deploy import console
from ackd_deploy.artifact.load import MANIFEST, open_artifact
from ackd_deploy.bulk.assemble import Written, assemble
from ackd_deploy.bulk.columns import TextColumns, answer_prefix, text_columns
from ackd_deploy.bulk.formats import check_output, unwritable
from ackd_deploy.bulk.items import Item, open_items
from ackd_deploy.bulk.job import Job, JobFolder, Part, State
from ackd_deploy.bulk.part_writer import PartWriter, Source
from ackd_deploy.bulk.survey import survey
from ackd_deploy.bulk.workers import Write, written_by_workers
from ackd_deploy.data.reading.opening import opened
from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.files import sha256_file
from ackd_deploy.runtime.cpu import cpu_features, effective_cpus
from ackd_deploy.runtime.variant_choice import choose_variant

__all__ = ["FileJob", "Written", "predict_file"]


@dataclass(frozen=True)
class FileJob:
    """What is to be predicted, and how.

    Attributes:
        source: the model.
        input: file of texts.
        output: file to write; its ending names the format.
        text_column, pair_column: names; None: those of the artifact.
        prefix: of the answers' columns; None: see `answer_prefix`.
        on_error: ``stop``, or ``skip`` records that cannot be used and list them in a file beside the output.
        batch_size: rows that run together, at most.
        workers: processes.
        fresh: drop what an earlier job left.
        part_rows: records of a part, which are sorted by length together and lost together by a kill.
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
    fresh: bool = False
    part_rows: int = 4096

    @property
    def skipped(self) -> Path:
        """The file that lists what was skipped."""
        return self.output.with_name(f"{self.output.name}.skipped.csv")


def predict_file(given: FileJob) -> Written:
    """Classify all texts of a file and write its records with the answers, in their order.

    Done parts lie in ``OUTPUT.parts`` until the output is whole; the same call goes on from there.

    Raises:
        DataError: the file, or records of it, cannot be used.
        RunMismatch: what lies there was made from another input, by another artifact or with other options.
        RunLocked: another process works there.
        EnvironmentProblem: a worker process died.
        UsageError, MissingExtra, ArtifactError: as their classes say.
    """
    check_output(given.output)
    with opened(given.input):
        pass
    if given.output.exists() and given.output.samefile(given.input):
        raise UsageError(f"{given.output} is the input too; name another output")
    before = given.input.stat()
    job, columns = _described(given)
    folder = JobFolder(given.output)
    if given.fresh and folder.folder.is_dir():
        with folder.locked():
            folder.clear()
    # A file with mistakes leaves nothing behind: the folder is made when it has none.
    fresh = None if folder.folder.is_dir() else _surveyed(given, job, columns)
    with folder.locked():
        state = folder.state()
        if state is None:
            state = fresh or _surveyed(given, job, columns)
            folder.begin(state)
        folder.check(state, job)
        written = _finish(given, state, columns, folder, lambda: _unchanged(given.input, before))
        folder.clear()
    return written


def _described(given: FileJob) -> tuple[Job, TextColumns]:
    manifest = open_artifact(given.source.artifact, verify=False)
    columns = text_columns(manifest, given.text_column, given.pair_column)
    source = given.source
    variant, _ = choose_variant(
        manifest, cpu_features(), source.variant, strict=source.strict, provider=source.provider
    )
    job = Job(
        artifact=sha256_file(source.artifact / MANIFEST),
        variant=variant.name,
        provider=source.provider,
        input=sha256_file(given.input),
        format=given.output.suffix.lower(),
        text=columns.text,
        text_pair=columns.pair,
        prefix=given.prefix,
        on_error=given.on_error,
        batch_size=given.batch_size,
        part_rows=given.part_rows,
        abstains=manifest.accepts_from is not None,
    )
    return job, columns


def _surveyed(given: FileJob, job: Job, columns: TextColumns) -> State:
    found = survey(given.input, columns, unwritable=unwritable(given.output), skip=given.on_error == "skip")
    # Told before the first row is computed.
    answer_prefix(found.columns, given.prefix, abstains=job.abstains)
    return State(job=job, survey=found)


def _finish(
    given: FileJob, state: State, columns: TextColumns, folder: JobFolder, check: Callable[[], None]
) -> Written:
    size = state.job.part_rows
    done = {index for index in range(state.parts) if folder.done(index)}
    rows_done = sum(min(size, state.survey.rows - index * size) for index in done)
    write = partial(_writer, given, state)
    started = time.monotonic()
    with console.progress("predict", state.survey.rows, done=rows_done) as advance:
        rows = 0
        work = _work(given, columns, size, done) if len(done) < state.parts else iter(())
        for part in _parts(given, write, work):
            rows += part.taken
            rate = rows / max(time.monotonic() - started, 1e-9)
            left = (state.survey.rows - rows_done - rows) / rate
            advance(part.taken, rate=f"{rate:,.0f} rows/s", left=_duration(left))
    check()
    return assemble(
        folder,
        state,
        output=given.output,
        source=given.input,
        labels=open_artifact(given.source.artifact, verify=False).labels,
        skipped=given.skipped if given.on_error == "skip" else None,
    )


def _writer(given: FileJob, state: State) -> Write:
    source = given.source
    if given.workers > 1 and source.threads is None:
        source = replace(source, threads=max(1, effective_cpus() // given.workers))
    return PartWriter(source.load(), state, source=given.input, output=given.output).write


def _parts(given: FileJob, make: Callable[[], Write], work: Iterator[tuple[int, list[Item]]]) -> Iterator[Part]:
    if given.workers > 1:
        yield from written_by_workers(make, work, given.workers)
        return
    first = next(work, None)
    if first is not None:
        write = make()
        yield write(*first)
        yield from (write(*following) for following in work)


def _work(given: FileJob, columns: TextColumns, size: int, done: set[int]) -> Iterator[tuple[int, list[Item]]]:
    skip = given.on_error == "skip"
    with open_items(given.input, columns, unwritable=unwritable(given.output), skip=skip) as items:
        index = 0
        while found := list(islice(items.items, size)):
            if index not in done:
                yield index, found
            index += 1


def _unchanged(path: Path, before: os.stat_result) -> None:
    now = path.stat()
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise DataError(
            f"{path} changed while it was read, so nothing of it is kept", hint="run the command again, with --fresh"
        )


def _duration(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(seconds)) if seconds < 86_400 else f"{seconds / 86_400:.1f} days"

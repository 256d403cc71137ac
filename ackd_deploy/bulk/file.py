"""A whole file to a file: resumable, in bounded memory, by one process or several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.bulk.assemble import Written, assemble
from ackd_deploy.bulk.columns import TextColumns, answer_prefix, text_columns
from ackd_deploy.bulk.file_job import FileJob, described, make_writer, show_progress
from ackd_deploy.bulk.formats import check_output, unwritable
from ackd_deploy.bulk.items import Item, open_items
from ackd_deploy.bulk.job import Job, JobFolder, State
from ackd_deploy.bulk.survey import survey
from ackd_deploy.bulk.workers import written_parts
from ackd_deploy.data.reading.opening import opened
from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.files import sha256_file

__all__ = ["predict_file"]


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
    manifest = open_artifact(given.source.artifact, verify=False)
    columns = text_columns(manifest, given.text_column, given.pair_column)
    job = described(given, manifest, columns, fingerprint=sha256_file(given.input), ending=given.output.suffix.lower())
    folder = JobFolder(given.output)
    with folder.opened(job, lambda: _surveyed(given, job, columns), fresh=given.fresh) as state:
        done = {index for index in range(state.parts) if folder.done(index)}
        rows_done = sum(min(given.part_rows, state.survey.rows - index * given.part_rows) for index in done)
        work = _work(given, columns, done) if len(done) < state.parts else iter(())
        parts = written_parts(partial(make_writer, given, state, source=given.input), work, given.workers)
        show_progress(parts, total=state.survey.rows, done=rows_done)
        _unchanged(given.input, before)
        written = assemble(
            folder,
            state,
            output=given.output,
            source=given.input,
            labels=manifest.labels,
            skipped=given.skipped if given.on_error == "skip" else None,
        )
        folder.clear()
    return written


def _surveyed(given: FileJob, job: Job, columns: TextColumns) -> State:
    found = survey(given.input, columns, unwritable=unwritable(given.output), skip=given.on_error == "skip")
    # Told before the first row is computed.
    answer_prefix(found.columns, given.prefix, abstains=job.abstains)
    return State(job=job, survey=found)


def _work(given: FileJob, columns: TextColumns, done: set[int]) -> Iterator[tuple[int, list[Item]]]:
    skip = given.on_error == "skip"
    with open_items(given.input, columns, unwritable=unwritable(given.output), skip=skip) as items:
        index = 0
        while found := list(islice(items.items, given.part_rows)):
            if index not in done:
                yield index, found
            index += 1


def _unchanged(path: Path, before: os.stat_result) -> None:
    now = path.stat()
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise DataError(
            f"{path} changed while it was read, so nothing of it is kept", hint="run the command again, with --fresh"
        )

"""A folder of Parquet files to a folder of Parquet files: by processes of this machine, or by Ray."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.bulk.assemble import Written
from ackd_deploy.bulk.columns import TextColumns, answer_prefix, text_columns
from ackd_deploy.bulk.file_job import FileJob, described, make_writer, show_progress, threads_of_one
from ackd_deploy.bulk.formats import Column
from ackd_deploy.bulk.formats.delimited import Csv
from ackd_deploy.bulk.job import JobFolder, Part, State
from ackd_deploy.bulk.ray_workers import written_by_ray
from ackd_deploy.bulk.survey import Survey
from ackd_deploy.bulk.units import Unit, find_units, read_unit
from ackd_deploy.bulk.workers import Write, written_parts
from ackd_deploy.errors import ArtifactError, UsageError
from ackd_deploy.extras import need
from ackd_deploy.files import atomic_file, atomic_folder

__all__ = ["predict_folder"]

# Files of a few thousand rows would be slow to read.
_PARTS_OF_A_FILE = 16


def predict_folder(given: FileJob) -> Written:
    """Classify all rows of the .parquet files in a folder.

    The output has the files ``part-0000000.parquet`` and so on, each with up to 65,536 rows of one row group: read in
    the order of their names they hold the rows in the order of the input files' names and of their rows. What is done
    lies in ``OUTPUT.parts`` until then, and the same call goes on from there. Several machines must see input, output
    and artifact under the same paths.

    Raises:
        DataError: a file, or rows of one, cannot be used.
        RunMismatch, RunLocked, EnvironmentProblem, UsageError, MissingExtra, ArtifactError: as their classes say.
    """
    need("ray" if given.engine == "ray" else "parquet")
    if given.output.exists() and (not given.output.is_dir() or any(given.output.iterdir())):
        raise UsageError(f"{given.output} is there already", hint="name a new folder, or remove that one")
    manifest = open_artifact(given.source.artifact, verify=False)
    columns = text_columns(manifest, given.text_column, given.pair_column)
    size = given.part_rows * _PARTS_OF_A_FILE
    found = find_units(given.input, columns, size)
    job = described(given, manifest, columns, fingerprint=found.fingerprint, ending=".parquet")
    answer_prefix(found.columns, given.prefix, abstains=job.abstains)
    rows = sum(unit.stop - unit.start for unit in found.units)
    state = State(job=job, survey=Survey(noun="row", rows=rows, columns=dict.fromkeys(found.columns, "source")))
    folder = JobFolder(given.output)
    with folder.opened(job, lambda: state, fresh=given.fresh):
        done = {index for index in range(len(found.units)) if folder.done(index)}
        work = ((index, unit) for index, unit in enumerate(found.units) if index not in done)
        make = partial(_make, given, state, columns, found.files[0])
        if given.engine == "ray":
            cpus = float(threads_of_one(given) or 1)
            parts = written_by_ray(make, work, given.workers, cpus=cpus)
        else:
            parts = written_parts(make, work, given.workers)
        show_progress(parts, total=rows, done=sum(found.units[i].stop - found.units[i].start for i in done))
        if find_units(given.input, columns, size).fingerprint != found.fingerprint:
            raise UsageError(f"{given.input} changed while it was read", hint="run the command again, with --fresh")
        written = _assemble(given, folder, found.units)
        folder.clear()
    return written


def _make(given: FileJob, state: State, columns: TextColumns, source: Path) -> Write:
    write = make_writer(given, state, source=source)
    return partial(_write, write, columns, given.on_error == "skip")


def _write(write: Write, columns: TextColumns, skip: bool, index: int, unit: Unit) -> Part:
    return write(index, read_unit(unit, columns, skip=skip))


def _assemble(given: FileJob, folder: JobFolder, units: list[Unit]) -> Written:
    rows, skipped = 0, 0
    lines = Csv([Column("file", "string"), Column("row", "int"), Column("reason", "string")])

    def left_out() -> Iterator[bytes]:
        for index, unit in enumerate(units):
            entries = _part(folder, index).skipped
            yield lines.encode([{"file": unit.file.name, "row": number, "reason": why} for number, why in entries])

    with atomic_folder(given.output) as target:
        for index in range(len(units)):
            part = _part(folder, index)
            rows, skipped = rows + part.written, skipped + len(part.skipped)
            shutil.copyfile(folder.file(index), target / f"{folder.file(index).name}.parquet")
    if given.on_error == "skip":
        with atomic_file(given.skipped) as sink:
            lines.join(left_out(), sink)
    return Written(rows, skipped)


def _part(folder: JobFolder, index: int) -> Part:
    part = folder.done(index)
    if part is None:
        raise ArtifactError(f"part {index} in {folder.folder} is damaged", hint="the same command makes it again")
    return part

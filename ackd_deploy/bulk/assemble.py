"""Parts to the file that they are parts of, and the file of what was skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ackd_deploy.bulk.formats import Column, Format, make_format
from ackd_deploy.bulk.formats.delimited import Csv
from ackd_deploy.bulk.job import JobFolder, Part, State
from ackd_deploy.bulk.part_writer import output_columns
from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import atomic_file

__all__ = ["Written", "assemble"]


@dataclass(frozen=True)
class Written:
    """What came of a file: records written, and skipped."""

    rows: int
    skipped: int


def assemble(
    folder: JobFolder, state: State, *, output: Path, source: Path, labels: Sequence[str], skipped: Path | None
) -> Written:
    """Write the output, whole or not at all, of all parts in their order.

    Args:
        folder: holds all parts.
        state: of the job.
        output: the file to be.
        source: the input.
        labels: names of the classes.
        skipped: file for what was skipped; None: nothing may have been.

    Raises:
        ArtifactError: a part is damaged.
    """
    whole: Format = make_format(output, output_columns(state), labels, source)
    counts = {"written": 0, "skipped": 0}

    def contents() -> Iterator[bytes]:
        for index, part in _checked(folder, state.parts):
            counts["written"] += part.written
            counts["skipped"] += len(part.skipped)
            yield folder.content(index)

    with atomic_file(output) as sink:
        whole.join(contents(), sink)
    if skipped is not None:
        lines = Csv([Column(state.survey.noun, "int"), Column("reason", "string")])
        with atomic_file(skipped) as sink:
            lines.join(
                (
                    lines.encode([{state.survey.noun: number, "reason": reason} for number, reason in part.skipped])
                    for _, part in _checked(folder, state.parts)
                ),
                sink,
            )
    return Written(counts["written"], counts["skipped"])


def _checked(folder: JobFolder, count: int) -> Iterator[tuple[int, Part]]:
    for index in range(count):
        part = folder.done(index)
        if part is None:
            raise ArtifactError(f"part {index} in {folder.folder} is damaged", hint="the same command makes it again")
        yield index, part

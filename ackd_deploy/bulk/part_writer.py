"""Records to a part of the output: the step that every way of running shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd_deploy.bulk.columns import answer_prefix
from ackd_deploy.bulk.formats import Column, make_format
from ackd_deploy.bulk.items import Item
from ackd_deploy.bulk.job import JobFolder, Part, State
from ackd_deploy.bulk.predict import figure_kinds, figures
from ackd_deploy.errors import DataError
from ackd_deploy.runtime import Classifier

__all__ = ["PartWriter", "Source"]


@dataclass(frozen=True)
class Source:
    """Where a classifier is loaded from; arguments as of `Classifier.load`."""

    artifact: Path
    provider: str = "cpu"
    threads: int | None = None
    variant: str | None = None
    strict: bool = False

    def load(self) -> Classifier:
        """Load it."""
        return Classifier.load(
            self.artifact, self.provider, threads=self.threads, variant=self.variant, strict=self.strict
        )


class PartWriter:
    """Classifies the records of a part and writes it.

    Args:
        classifier: of the job's artifact.
        state: the job, and the columns of its input.
        source: the input.
        output: the file to be.
    """

    def __init__(self, classifier: Classifier, state: State, *, source: Path, output: Path) -> None:
        self._classifier = classifier
        self._job = state.job
        self._folder = JobFolder(output)
        self._prefix = answer_prefix(state.survey.columns, state.job.prefix, abstains=state.job.abstains)
        self._format = make_format(
            Path(f"out{state.job.format}"), output_columns(state), classifier.manifest.labels, source
        )

    def write(self, index: int, items: Sequence[Item]) -> Part:
        """Write one part.

        Raises:
            DataError: a record has a mistake and none is to be skipped: the file changed since the first pass.
        """
        good = [item for item in items if item.problem is None]
        skipped = [(item.number, item.problem) for item in items if item.problem is not None]
        if skipped and self._job.on_error == "stop":
            number, problem = skipped[0]
            raise DataError(f"record {number}: {problem}; the file has changed since it was checked")
        answers = self._classifier.classify([item.text for item in good], self._job.batch_size)
        records = [{**item.record, **self._named(figures(answer))} for item, answer in zip(good, answers, strict=True)]
        content = self._format.encode(records)
        return self._folder.write(index, content, taken=len(items), written=len(good), skipped=skipped)

    def _named(self, found: dict[str, Any]) -> dict[str, Any]:
        return {self._prefix + name: value for name, value in found.items()} if self._prefix else found


def output_columns(state: State) -> list[Column]:
    """Return the input's columns and the answers'."""
    abstains = state.job.abstains
    prefix = answer_prefix(state.survey.columns, state.job.prefix, abstains=abstains)
    own = [Column(name, kind) for name, kind in state.survey.columns.items()]
    return own + [Column(prefix + name, kind) for name, kind in figure_kinds(abstains=abstains).items()]

"""From a file or a hub split to checked rows: every mistake in the data is found here, and told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ackd_deploy.console import log
from ackd_deploy.data.holdout import held_out
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.labels import label_columns, read_labels
from ackd_deploy.data.labels.soft import SoftLabels, read_softened, soft_label_columns
from ackd_deploy.data.problems import Problems, UnusableRows, listed
from ackd_deploy.data.skipped import SkippedRow, check_share
from ackd_deploy.data.split import Indices, shared_rows
from ackd_deploy.data.tables import Table, read_table
from ackd_deploy.data.texts import text_problem
from ackd_deploy.data.unlabeled import has_label, labeled_part
from ackd_deploy.errors import DataError, RecipeError
from ackd_deploy.files import expanded
from ackd_deploy.recipe.sections import Data, HeldOut, HubSplit

__all__ = ["Part", "Source", "load_part", "load_rows", "load_texts"]

Source = str | HubSplit | HeldOut
Rows = TypeVar("Rows")


@dataclass(frozen=True, eq=False)
class Part:
    """The rows of one part of the data, and where they stand in their file.

    Attributes:
        rows: N checked rows.
        source: what messages call the file.
        noun: what ``numbers`` count: ``line``, ``row`` or ``file``, from 1.
        numbers: [N] where each row stands.
        skipped: rows that the recipe said to skip; a part held out of training has none of its own.
    """

    rows: LabeledTexts
    source: str
    noun: str
    numbers: list[int]
    skipped: tuple[SkippedRow, ...] = ()

    def take(self, indices: Indices) -> Part:
        """Return the rows at ``indices``, in that order."""
        return replace(self, rows=self.rows.take(indices), numbers=[self.numbers[i] for i in indices])


def load_rows(source: Source, data: Data, label_names: Sequence[str] | None) -> LabeledTexts:
    """Read, check and label one part of the data; see `load_part`."""
    return load_part(source, data, label_names).rows


def load_part(source: Source, data: Data, label_names: Sequence[str] | None) -> Part:
    """Read, check and label one part of the data.

    Where ``data.validation`` holds out a share of the training file, ``data.train`` is the rest of it: no reader of
    ``data.train`` ever sees a row of the other part.

    Training rows have the soft labels that ``data.soft_labels`` names; one that has any may have no label, and the
    source may even lack the label column then.

    Args:
        source: path of a .csv, .tsv, .jsonl, .json or .parquet file, or of a folder with a folder for each class,
            relative to the current directory; a hub split; or the share of data.train that is held out.
        data: the recipe's section, which names columns, labels and problem type.
        label_names: names that class ids must follow, index to name: the teacher's, or those of the training
            rows for the validation rows. None: the data's own, in the order of data.label_names, of the hub's
            class names, or else sorted. Generic ones (LABEL_0, ...) take the data's names.

    Raises:
        DataError: the file, a column or rows of it cannot be used; one message for all rows, with their numbers.
        HubUnreachable: a hub split that isn't cached, and no hub.
        MissingExtra: pyarrow or datasets would be needed and isn't installed.
        RecipeError: label columns and problem type don't go together, or data.metric names no class of these.
    """
    share = data.validation
    if not isinstance(share, HeldOut) or source not in (share, data.train):
        if isinstance(source, HeldOut):
            raise ValueError("a held-out part is one of data.train, named by data.validation")
        # The held-out rows need labels; only training rows may have soft ones in their place.
        training = source == data.train and source != data.validation
        return _read_part(source, data, label_names, data.soft_labels if training else None)
    if data.train is None:
        raise RecipeError(
            "recipe",
            ["data.validation: holds out a share of data.train, which is absent"],
            hint="name a file for validation",
        )
    whole = _read_part(data.train, data, label_names, data.soft_labels)
    labeled = np.flatnonzero(has_label(whole.rows.labels))
    chosen = labeled[held_out(labeled_part(whole.rows), share.share, seed=share.seed)]
    if not len(chosen):
        raise DataError(
            f"{whole.source}: no row can be held out of training: each class has one text only",
            hint="give data.validation a file of its own",
        )
    if source == share:
        return replace(whole.take(chosen), skipped=())
    # A row of the same text that has soft labels alone is in no group of held_out's.
    same = shared_rows(whole.rows.take(chosen), whole.rows)
    return whole.take(np.setdiff1d(np.arange(len(whole.rows)), same))


def _read_part(
    source: str | HubSplit, data: Data, label_names: Sequence[str] | None, soft_labels: SoftLabels | None
) -> Part:
    def labeled(table: Table) -> LabeledTexts:
        problems = Problems(table.source, table.noun)
        texts, pairs = _texts_and_pairs(table, data, problems)
        if soft_labels is None:
            soft, (labels, names) = None, read_labels(table, data, label_names, problems)
        else:
            soft, (labels, names) = read_softened(table, data, soft_labels, label_names, problems)
        data.task_for(names)  # a metric of a class that is not there is told before anything is trained
        return LabeledTexts(texts, pairs, labels, names, data.problem_type, soft)

    columns = label_columns(data)
    if soft_labels is not None:
        # Where every row has soft labels the column of the labels may be missing.
        present = _read(source, _text_columns(data), data, []).present
        columns = [*soft_label_columns(soft_labels), *(column for column in columns if column in present)]
    table, rows, skipped = _usable(source, [*_text_columns(data), *columns], data, labeled)
    return Part(rows, table.source, table.noun, table.numbers, skipped)


def _usable(
    source: str | HubSplit, columns: list[str], data: Data, build: Callable[[Table], Rows]
) -> tuple[Table, Rows, tuple[SkippedRow, ...]]:
    """Return the rows that can be used, what ``build`` makes of them, and those that were skipped."""
    skipped: list[SkippedRow] = []
    table = _read(source, columns, data, skipped)
    total = len(table.numbers) + len(skipped)
    while True:
        check_share(skipped, total, data.max_skipped)
        try:
            rows = build(table)
            return table, rows, tuple(sorted(skipped, key=lambda row: row.number))
        except UnusableRows as error:
            # What is left is read again: some mistakes are only looked for where there are no others.
            found: dict[int, list[str]] = {}
            for number, reason in error.rows:
                found.setdefault(number, []).append(reason)
            if data.on_error == "stop":
                if len(found) <= data.max_skipped * total:
                    error.hint = f"{error.hint}; or --set data.on_error=skip leaves them out"
                raise
            skipped += [SkippedRow(table.source, table.noun, n, "; ".join(reasons)) for n, reasons in found.items()]
            table = table.without(found)


def load_texts(source: str | HubSplit, data: Data) -> tuple[list[str], list[str] | None, tuple[SkippedRow, ...]]:
    """Read and check the texts of one split and, for pairs, the second texts; a label column is ignored, and said so.

    Args:
        source: as for `load_rows`.
        data: the recipe's section, which names the columns.

    Returns:
        The texts, the second texts of pairs, and the rows that the recipe said to skip.

    Raises:
        DataError: as `load_rows` does, and HubUnreachable and MissingExtra likewise.
    """

    def checked(table: Table) -> tuple[list[str], list[str] | None]:
        problems = Problems(table.source, table.noun)
        found = _texts_and_pairs(table, data, problems)
        problems.raise_if_any()
        return found

    table, texts, skipped = _usable(source, _text_columns(data), data, checked)
    if ignored := [column for column in label_columns(data) if column in table.present]:
        log(f"{table.source} is data.unlabeled: its column {listed(map(repr, ignored))} is ignored")
    return *texts, skipped


def _text_columns(data: Data) -> list[str]:
    return [data.text, *([data.text_pair] if data.text_pair else [])]


def _texts_and_pairs(table: Table, data: Data, problems: Problems) -> tuple[list[str], list[str] | None]:
    if not table.numbers:
        raise DataError(f"{table.source} holds no rows", hint="a header line alone is no data")
    texts = _texts(table, data.text, problems)
    return texts, _texts(table, data.text_pair, problems) if data.text_pair else None


def _read(source: str | HubSplit, columns: list[str], data: Data, skipped: list[SkippedRow]) -> Table:
    if isinstance(source, HubSplit):
        from ackd_deploy.data.hub_splits import read_hub

        return read_hub(source, columns)
    path = expanded(source)

    def skip(number: int, reason: str) -> None:
        skipped.append(SkippedRow(str(path), "line", number, reason))

    return read_table(
        path,
        columns,
        delimiter=data.delimiter,
        encoding=data.encoding,
        on_bad=skip if data.on_error == "skip" else None,
    )


def _texts(table: Table, column: str, problems: Problems) -> list[str]:
    for number, text in zip(table.numbers, table.columns[column], strict=True):
        if found := text_problem(text, column):
            kind, hint = found
            problems.add(kind, number, hint)
    return table.columns[column]

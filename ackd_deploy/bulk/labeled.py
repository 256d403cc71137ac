"""Labeled rows of a file, as the artifact's own data were called and labeled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from pydantic import ValidationError

from ackd_deploy.artifact.schema import Columns, Manifest
from ackd_deploy.bulk.columns import COLUMN_HINT, TextColumns
from ackd_deploy.data.labels import label_columns, read_labels
from ackd_deploy.data.problems import Problems
from ackd_deploy.data.tables import read_table
from ackd_deploy.data.texts import text_problem
from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.recipe.sections import Data
from ackd_deploy.tasks.text import Text, joined

__all__ = ["LabeledRows", "read_labeled"]


@dataclass(frozen=True, eq=False)
class LabeledRows:
    """N texts with their labels.

    Attributes:
        texts: [N] texts or pairs.
        labels: as in `LabeledTexts`, by the artifact's label names.
        groups: [N] value of the column to slice by, as text; None without one.
    """

    texts: list[Text]
    labels: npt.NDArray[Any]
    groups: list[str] | None


def read_labeled(
    path: Path, manifest: Manifest, columns: TextColumns, *, label: Sequence[str] = (), slice_by: str | None = None
) -> LabeledRows:
    """Read a whole file into memory.

    Args:
        path: of any format that training reads.
        manifest: of the artifact: task, label names, and the columns and values that its own labels had.
        columns: of the texts.
        label: column of the label, or one for each label of a multi-label task; empty: as the artifact says.
        slice_by: a further column.

    Raises:
        DataError: the file or rows of it cannot be used; one message for all rows, with their numbers.
        UsageError: several label columns for a task that has one label.
        MissingExtra: Parquet, and pyarrow is not installed.
    """
    kept = manifest.columns or Columns()
    names = (label[0] if len(label) == 1 else list(label)) if label else kept.label
    try:
        data = Data(
            train=str(path), validation=str(path), text=columns.text, text_pair=columns.pair, label=names,
            label_names=kept.label_names, problem_type=manifest.problem_type,
        )  # fmt: skip
    except ValidationError as error:
        raise UsageError(f"columns that cannot be: {error.errors()[0]['msg']}", hint=COLUMN_HINT) from error
    wanted = [*columns.names, *label_columns(data), *([slice_by] if slice_by is not None else [])]
    table = read_table(path, wanted, hint=f"{COLUMN_HINT}, --label-column that of the label")
    if not table.numbers:
        raise DataError(f"{table.source} holds no rows", hint="a header line alone is no data")
    problems = Problems(table.source, table.noun)
    for name in columns.names:
        for number, value in zip(table.numbers, table.columns[name], strict=True):
            if found := text_problem(value, name):
                kind, hint = found
                problems.add(kind, number, hint)
    labels, _ = read_labels(table, data, manifest.labels, problems, varied=False)
    texts = [joined(*values) for values in zip(*(table.columns[name] for name in columns.names), strict=True)]
    groups = None if slice_by is None else ["" if v is None else str(v) for v in table.columns[slice_by]]
    return LabeledRows(texts, labels, groups)

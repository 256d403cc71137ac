"""From a file or a hub split to checked rows: every mistake in the data is found here, and told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.problems import Problems
from ackd_deploy.data.tables import Table, read_table
from ackd_deploy.data.targets import classes, flags, label_sets, scores
from ackd_deploy.errors import DataError, RecipeError
from ackd_deploy.recipe.schema import Data, HubSplit

__all__ = ["load_rows"]


def load_rows(source: str | HubSplit, data: Data, label_names: Sequence[str] | None) -> LabeledTexts:
    """Read, check and label one split.

    Args:
        source: path of a .csv, .tsv, .jsonl or .parquet file, relative to the current directory; or a hub split.
        data: the recipe's section, which names columns, labels and problem type.
        label_names: names that class ids must follow, index to name: the teacher's, or those of the training
            rows for the validation rows. None: the data's own, in the order of data.label_names, of the hub's
            class names, or else sorted. Generic ones (LABEL_0, ...) take the data's names.

    Raises:
        DataError: the file, a column or rows of it cannot be used; one message for all rows, with their numbers.
        HubUnreachable: a hub split that isn't cached, and no hub.
        MissingExtra: pyarrow or datasets would be needed and isn't installed.
        RecipeError: label columns and problem type don't go together.
    """
    label_columns = _label_columns(data)
    columns = [data.text, *([data.text_pair] if data.text_pair else []), *label_columns]
    table = _read(source, columns)
    if not table.numbers:
        raise DataError(f"{table.source} holds no rows", hint="a header line alone is no data")
    problems = Problems(table.source, table.noun)
    texts = _texts(table, data.text, problems)
    pairs = _texts(table, data.text_pair, problems) if data.text_pair else None
    if data.problem_type == "regression":
        labels, names = scores(table, label_columns[0], problems)
    elif data.problem_type == "single_label_classification":
        labels, names = classes(table, label_columns[0], data.label_names, label_names, problems)
    elif isinstance(data.label, list):
        labels, names = flags(table, label_columns, data.label_names, label_names, problems)
    else:
        labels, names = label_sets(table, data.label, data.label_names, label_names, problems)
    problems.raise_if_any()
    _check_variety(table, labels, names, data.problem_type)
    return LabeledTexts(texts, pairs, labels, names, data.problem_type)


def _label_columns(data: Data) -> list[str]:
    if isinstance(data.label, str):
        return [data.label]
    if data.problem_type != "multi_label_classification":
        raise RecipeError(
            "recipe",
            [f"data.label: several columns go with multi_label_classification, not {data.problem_type}"],
            hint="name one column, or set data.problem_type",
        )
    if not data.label or len(set(data.label)) < len(data.label):
        raise RecipeError("recipe", ["data.label: lists no column, or one twice"], hint="name each label column once")
    return list(data.label)


def _read(source: str | HubSplit, columns: list[str]) -> Table:
    if isinstance(source, HubSplit):
        from ackd_deploy.data.hub_splits import read_hub

        return read_hub(source, columns)
    return read_table(Path(source).expanduser(), columns)


def _texts(table: Table, column: str, problems: Problems) -> list[str]:
    texts = []
    for number, text in zip(table.numbers, table.columns[column], strict=True):
        if text is None or (isinstance(text, str) and not text.strip()):
            problems.add(f"empty text in column {column!r}", number, "remove these rows or fill in their text")
        elif not isinstance(text, str):
            problems.add(f"no string but {type(text).__name__} in column {column!r}", number, "texts are strings")
        elif not text.isascii() and not _is_unicode(text):
            problems.add(f"half a surrogate pair in column {column!r}", number, "such text is no valid Unicode")
        else:
            texts.append(text)
    return texts


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_variety(table: Table, labels: np.ndarray, names: Sequence[str], problem_type: str) -> None:
    """Refuse labels that teach nothing: all the same, or each row its own."""
    count = len(labels)
    if (labels == labels[0]).all():
        if problem_type == "single_label_classification":
            what = f"one class only: {names[int(labels[0])]!r}"
        else:
            what = "one class only: the same labels on each row" if labels.ndim == 2 else "one and the same target"
        raise DataError(
            f"{table.source} has {what} ({count} rows)",
            hint="a classifier needs rows of at least two classes; is data.label the right column?",
        )
    if problem_type == "single_label_classification" and count > 20 and len(np.unique(labels)) == count:
        raise DataError(
            f"{table.source}: each of the {count} rows has a label of its own, so there is nothing to learn",
            hint="is data.label the right column? For numbers as targets set data.problem_type: regression",
        )

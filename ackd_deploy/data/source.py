"""From a file or a hub split to checked rows: every mistake in the data is found here, and told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.labels import label_columns, read_labels
from ackd_deploy.data.problems import Problems
from ackd_deploy.data.tables import Table, read_table
from ackd_deploy.data.texts import text_problem
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data, HubSplit

__all__ = ["load_rows"]


def load_rows(source: str | HubSplit, data: Data, label_names: Sequence[str] | None) -> LabeledTexts:
    """Read, check and label one split.

    Args:
        source: path of a .csv, .tsv, .jsonl, .json or .parquet file, or of a folder with a folder for each class,
            relative to the current directory; or a hub split.
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
    columns = [data.text, *([data.text_pair] if data.text_pair else []), *label_columns(data)]
    table = _read(source, columns, data)
    if not table.numbers:
        raise DataError(f"{table.source} holds no rows", hint="a header line alone is no data")
    problems = Problems(table.source, table.noun)
    texts = _texts(table, data.text, problems)
    pairs = _texts(table, data.text_pair, problems) if data.text_pair else None
    labels, names = read_labels(table, data, label_names, problems)
    data.task_for(names)  # a metric of a class that is not there is told before anything is trained
    return LabeledTexts(texts, pairs, labels, names, data.problem_type)


def _read(source: str | HubSplit, columns: list[str], data: Data) -> Table:
    if isinstance(source, HubSplit):
        from ackd_deploy.data.hub_splits import read_hub

        return read_hub(source, columns)
    return read_table(Path(source).expanduser(), columns, delimiter=data.delimiter, encoding=data.encoding)


def _texts(table: Table, column: str, problems: Problems) -> list[str]:
    for number, text in zip(table.numbers, table.columns[column], strict=True):
        if found := text_problem(text, column):
            kind, hint = found
            problems.add(kind, number, hint)
    return table.columns[column]

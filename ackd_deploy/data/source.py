"""From a file or a hub split to checked rows: every mistake in the data is found here, and told at once."""

from __future__ import annotations

from collections.abc import Sequence

from ackd_deploy.console import log
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.labels import label_columns, read_labels
from ackd_deploy.data.problems import Problems, listed
from ackd_deploy.data.tables import Table, read_table
from ackd_deploy.data.texts import text_problem
from ackd_deploy.errors import DataError
from ackd_deploy.files import expanded
from ackd_deploy.recipe.sections import Data, HubSplit

__all__ = ["load_rows", "load_texts"]


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
    table = _read(source, [*_text_columns(data), *label_columns(data)], data)
    problems = Problems(table.source, table.noun)
    texts, pairs = _texts_and_pairs(table, data, problems)
    labels, names = read_labels(table, data, label_names, problems)
    data.task_for(names)  # a metric of a class that is not there is told before anything is trained
    return LabeledTexts(texts, pairs, labels, names, data.problem_type)


def load_texts(source: str | HubSplit, data: Data) -> tuple[list[str], list[str] | None]:
    """Read and check the texts of one split and, for pairs, the second texts; a label column is ignored, and said so.

    Args:
        source: as for `load_rows`.
        data: the recipe's section, which names the columns.

    Raises:
        DataError: as `load_rows` does, and HubUnreachable and MissingExtra likewise.
    """
    table = _read(source, _text_columns(data), data)
    problems = Problems(table.source, table.noun)
    texts, pairs = _texts_and_pairs(table, data, problems)
    problems.raise_if_any()
    if ignored := [column for column in label_columns(data) if column in table.present]:
        log(f"{table.source} is data.unlabeled: its column {listed(map(repr, ignored))} is ignored")
    return texts, pairs


def _text_columns(data: Data) -> list[str]:
    return [data.text, *([data.text_pair] if data.text_pair else [])]


def _texts_and_pairs(table: Table, data: Data, problems: Problems) -> tuple[list[str], list[str] | None]:
    if not table.numbers:
        raise DataError(f"{table.source} holds no rows", hint="a header line alone is no data")
    texts = _texts(table, data.text, problems)
    return texts, _texts(table, data.text_pair, problems) if data.text_pair else None


def _read(source: str | HubSplit, columns: list[str], data: Data) -> Table:
    if isinstance(source, HubSplit):
        from ackd_deploy.data.hub_splits import read_hub

        return read_hub(source, columns)
    return read_table(expanded(source), columns, delimiter=data.delimiter, encoding=data.encoding)


def _texts(table: Table, column: str, problems: Problems) -> list[str]:
    for number, text in zip(table.numbers, table.columns[column], strict=True):
        if found := text_problem(text, column):
            kind, hint = found
            problems.add(kind, number, hint)
    return table.columns[column]

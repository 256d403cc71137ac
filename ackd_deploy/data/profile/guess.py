"""Which columns hold texts and labels, and what the task is: rules over names and values, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ackd_deploy.data.labels.names import is_missing, plain_label
from ackd_deploy.data.problems import listed
from ackd_deploy.data.tables import Table
from ackd_deploy.errors import UsageError
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, ProblemType

__all__ = ["Guess", "guess_columns"]

_LABELS = (
    "label", "labels", "class", "category", "categories", "target", "intent", "sentiment", "topic", "topics", "emotion",
    "tag", "tags", "gold_label", "gold", "score", "rating", "stars", "similarity", "y",
)  # fmt: skip
_TEXTS = (
    "text", "sentence", "review", "content", "body", "message", "tweet", "comment", "document", "utterance", "query",
    "question", "premise", "abstract", "description", "headline", "title",
)  # fmt: skip
_PAIRS = (
    ("text", "text_pair"), ("text1", "text2"), ("text_a", "text_b"), ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"), ("sentence_a", "sentence_b"), ("question1", "question2"), ("premise", "hypothesis"),
    ("question", "sentence"), ("question", "passage"), ("question", "context"), ("question", "answer"),
    ("query", "passage"), ("query", "document"),
)  # fmt: skip
_FLAGS = {"0", "1", "true", "false"}
_CLASSES = 20
_SCORES = {"score", "similarity"}


@dataclass(frozen=True)
class Guess:
    """What the columns of a file are.

    Attributes:
        text: column of the text.
        pair: column of the second text, or None.
        label: column of the label, or columns of flags.
        problem_type: the task.
        why: the reason of each, by recipe key.
        others: columns with text that are not used.
    """

    text: str
    pair: str | None
    label: str | list[str]
    problem_type: ProblemType
    why: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def guess_columns(
    table: Table,
    *,
    text: str | None = None,
    pair: str | None = None,
    label: Sequence[str] = (),
    problem_type: ProblemType | None = None,
) -> Guess:
    """Guess what the columns are; what is given is taken as it is.

    Text: two columns with the names of a pair, else one with a usual name, else the text column with the longest
    values. Label: a column with a usual name; else two or more columns of zeros and ones; else the column with the
    fewest values that are not all different. Task: see `_task`.

    Raises:
        UsageError: no column can be the text, or the label; or a given one is not there.
    """
    for name in filter(None, (text, pair, *label)):
        if name not in table.columns:
            raise UsageError(
                f"{table.source} has no column {name!r}", hint=f"it has {listed(map(repr, table.columns))}"
            )
    shapes = {name: _Shape.of(values) for name, values in table.columns.items()}
    why: dict[str, str] = {}
    free = {name: shape for name, shape in shapes.items() if name not in label}
    if text is None and pair is None:
        text, pair = _pair(free, why)
    if text is None:
        text = _text(table, {name: shape for name, shape in free.items() if name != pair}, why)
    rest = {name: shape for name, shape in shapes.items() if name not in (text, pair)}
    labels = list(label) or _label(table, rest, why)
    task = problem_type or _task(labels, shapes, table, why)
    others = tuple(
        name for name, shape in rest.items() if name not in labels and shape.kind == "text" and shape.words >= _LONG
    )
    single = len(labels) == 1
    return Guess(text, pair, labels[0] if single else labels, task, why, others)


_LONG = 3.0


@dataclass(frozen=True)
class _Shape:
    """What a column's values look like: ``text``, ``number``, ``flag``, ``list`` or ``empty``."""

    kind: str
    distinct: int
    present: int
    words: float
    fractions: bool

    @classmethod
    def of(cls, values: Sequence[Any]) -> _Shape:
        present = [value for value in values if not is_missing(value)]
        if not present:
            return cls("empty", 0, 0, 0.0, False)
        if any(isinstance(value, list) for value in present):
            return cls("list", len({repr(value) for value in present}), len(present), 0.0, False)
        plain = [plain_label(str(value).strip()) for value in present]
        distinct = set(plain)
        words = sum(len(value.split()) for value in plain) / len(plain)
        if {value.lower() for value in distinct} <= _FLAGS:
            return cls("flag", len(distinct), len(present), words, False)
        if all(_is_number(value) for value in distinct):
            whole = all(value.lstrip("+-").isdigit() for value in distinct)
            return cls("number", len(distinct), len(present), words, not whole)
        return cls("text", len(distinct), len(present), words, False)


def _is_number(value: str) -> bool:
    try:
        # 3,5 is a number too, in a file of half of Europe; the reader says how it must be written.
        float(value.replace(",", ".", 1))
    except ValueError:
        return False
    return any(character.isdigit() for character in value)


def _named(shapes: dict[str, _Shape], names: Sequence[str]) -> str | None:
    by_fold = {column.strip().casefold(): column for column in reversed(list(shapes))}
    return next((by_fold[name] for name in names if name in by_fold), None)


def _pair(shapes: dict[str, _Shape], why: dict[str, str]) -> tuple[str | None, str | None]:
    texts = {name: shape for name, shape in shapes.items() if shape.kind == "text"}
    for first, second in _PAIRS:
        found = _named(texts, [first]), _named(texts, [second])
        if found[0] and found[1]:
            why["text"] = "two columns with the names of a pair"
            return found
    return None, None


def _text(table: Table, shapes: dict[str, _Shape], why: dict[str, str]) -> str:
    texts = {name: shape for name, shape in shapes.items() if shape.kind == "text"}
    if named := _named(texts, _TEXTS):
        why["text"] = "by its name"
        return named
    if not texts:
        raise UsageError(
            f"no column of {table.source} holds text",
            hint=f"it has {listed(map(repr, table.columns))}; say which: --text",
        )
    why["text"] = "the column with the longest texts"
    return max(texts, key=lambda name: texts[name].words)


def _label(table: Table, shapes: dict[str, _Shape], why: dict[str, str]) -> list[str]:
    filled = {name: shape for name, shape in shapes.items() if shape.distinct > 1}
    if named := _named(filled, _LABELS):
        why["label"] = "by its name"
        return [named]
    flags = [name for name, shape in filled.items() if shape.kind == "flag"]
    if len(flags) > 1:
        why["label"] = f"{len(flags)} columns of zeros and ones: a text may have several of these labels"
        return flags
    repeated = {
        name: shape for name, shape in filled.items() if shape.kind == "list" or shape.distinct * 2 <= shape.present
    }
    if not repeated:
        raise UsageError(
            f"no column of {table.source} can be the label",
            hint=f"it has {listed(map(repr, table.columns))}; say which: --label",
        )
    why["label"] = "the column with the fewest different values"
    return [min(repeated, key=lambda name: repeated[name].distinct)]


def _task(labels: list[str], shapes: dict[str, _Shape], table: Table, why: dict[str, str]) -> ProblemType:
    """Return the task by the label's values.

    Several columns, or lists: several labels a text. Numbers with a fraction: a regression. Whole numbers are classes
    where there are at most 20 different ones, or where they count from 0 or 1 without a gap (unless the column is
    called score or similarity); else a regression. All other values are classes.
    """
    shape = shapes[labels[0]]
    if len(labels) > 1 or shape.kind == "list":
        why["task"] = "lists of labels" if shape.kind == "list" else "several columns of labels"
        return MULTI_LABEL.problem_type
    if table.class_names.get(labels[0]):
        why["task"] = "class ids that carry names"
        return SINGLE_LABEL.problem_type
    if shape.kind == "number" and shape.fractions:
        why["task"] = "the labels are numbers with a fraction"
        return REGRESSION.problem_type
    if shape.kind == "number" and shape.distinct > _CLASSES:
        values = sorted({int(plain_label(str(v).strip())) for v in table.columns[labels[0]] if not is_missing(v)})
        counted = values[0] in (0, 1) and values[-1] - values[0] + 1 == len(values)
        if not counted or labels[0].casefold() in _SCORES:
            why["task"] = f"the labels are {shape.distinct} different whole numbers"
            return REGRESSION.problem_type
    why["task"] = f"{shape.distinct} different labels, one a text"
    return SINGLE_LABEL.problem_type

"""Which tokens of a text that is longer than the model are read: one rule for training, gates, runtime and service.

Pure: a rule works on what any tokenizer says of a whole text, never on the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ackd_deploy.tasks.cut import WholeRow, cut, shares

__all__ = ["HEAD_SHARE", "LongTextRule", "LongTexts", "Reading", "Window", "mean_by_row", "read_whole", "windows_of"]

LongTexts = Literal["cut", "head_tail", "windows"]

# 128 of 510 tokens, the best split of Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.1.
HEAD_SHARE = 0.25


class LongTextRule(BaseModel):
    """How a text that is longer than the model is read; that its end is cut off needs no rule.

    ``head_tail``: its first tokens and its last ones, in one piece. ``windows``: overlapping pieces, each with special
    tokens of its own; the mean of their logits is the text's.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    mode: Literal["head_tail", "windows"]
    head: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        HEAD_SHARE, description="head_tail: share of the tokens that come from the beginning; the others are the last."
    )
    overlap: Annotated[float, Field(ge=0.0, le=0.9)] = Field(
        0.25, description="windows: share of a window that the next one repeats."
    )
    max_windows: Annotated[int, Field(ge=2, le=64)] = Field(
        8, description="windows: the most of one text; where it needs more, they lie evenly from beginning to end."
    )


class Reading(NamedTuple):
    """What the model reads of one text: the positions of each window's tokens, and how many differ in all."""

    windows: list[list[int]]
    used: int


class Window(NamedTuple):
    """The tokens of one window, special ones included."""

    ids: list[int]
    type_ids: list[int]


def windows_of(row: WholeRow, max_length: int, rule: LongTextRule | None) -> tuple[list[Window], int]:
    """Return what the model reads of a tokenized row, and how many of its tokens that are.

    Args:
        row: with nothing cut off.
        max_length: most tokens of a window, special ones included.
        rule: see `read_whole`; None: the end is cut off, see `tasks.cut`.
    """
    if rule is None:
        ids, types, _ = cut(row, max_length)
        return [Window(ids, types)], len(ids)
    ids, types = row.ids, row.type_ids
    if len(ids) <= max_length:
        return [Window(ids, types)], len(ids)
    reading = read_whole(row.sequence_ids, max_length, rule)
    windows = [Window([ids[place] for place in w], [types[place] for place in w]) for w in reading.windows]
    return windows, reading.used


def read_whole(sequences: Sequence[int | None], max_length: int, rule: LongTextRule) -> Reading:
    """Choose tokens of one text or pair.

    Args:
        sequences: for each token of the whole row, which of the texts it is of, 0 or 1; None for the special tokens
            that the tokenizer added.
        max_length: most tokens of a window, special ones included.
        rule: ``windows`` for single texts alone.

    Returns:
        Positions into ``sequences``, ascending in each window; special tokens are in every window.

    >>> row = [None, 0, 0, 0, 0, 0, 0, None]
    >>> read_whole(row, 6, LongTextRule(mode="head_tail")).windows
    [[0, 1, 4, 5, 6, 7]]
    >>> read_whole(row, 6, LongTextRule(mode="windows")).windows
    [[0, 1, 2, 3, 4, 7], [0, 3, 4, 5, 6, 7]]
    """
    if len(sequences) <= max_length:
        return Reading([list(range(len(sequences)))], len(sequences))
    special = [place for place, text in enumerate(sequences) if text is None]
    texts = [[place for place, text in enumerate(sequences) if text == number] for number in (0, 1)]
    room = max_length - len(special)
    if rule.mode == "windows":
        if texts[1]:
            raise ValueError("windows are for single texts")
        pieces = [texts[0][start : start + room] for start in _starts(len(texts[0]), room, rule)]
    else:
        kept = zip(texts, shares(len(texts[0]), len(texts[1]), room), strict=True)
        pieces = [[place for text, share in kept for place in _ends(text, share, rule.head)]]
    used = len(special) + len({place for piece in pieces for place in piece})
    return Reading([sorted(special + piece) for piece in pieces], used)


def mean_by_row(logits: npt.NDArray[np.float32], counts: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return the logits [N, C] of texts, from those [P, C] of their windows, ``counts`` [N] of them each."""
    starts = np.concatenate([[0], np.cumsum(counts[:-1], dtype=np.int64)])
    sums: npt.NDArray[Any] = np.add.reduceat(logits, starts, axis=0)
    return (sums / np.asarray(counts, dtype=np.float32)[:, None]).astype(np.float32)


def _starts(tokens: int, room: int, rule: LongTextRule) -> list[int]:
    """Where windows begin; the last one ends with the text, so that none is short."""
    last = tokens - room
    step = room - int(rule.overlap * room)
    count = 1 + -(-last // step)
    if count > rule.max_windows:
        return [round(last * index / (rule.max_windows - 1)) for index in range(rule.max_windows)]
    return [min(index * step, last) for index in range(count)]


def _ends(text: list[int], share: int, head: float) -> list[int]:
    if len(text) <= share:
        return text
    first = round(head * share)
    return text[:first] + text[len(text) - (share - first) :]

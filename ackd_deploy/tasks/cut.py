"""A tokenized text or pair, cut to what the model reads; and how many texts are tokenized at once.

The tokenizers package can cut by itself, but keeps all that it cuts off, in pieces as long as what is kept; of a pair
each piece of the one text with each piece of the other. Two texts of 4,000 words took 16 GB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ackd_deploy.tasks.text import Text, parts

__all__ = ["WholeRow", "cut", "portions", "shares"]

# A token takes some 150 bytes in the tokenizers package, and a text has a token for every 2 to 5 characters.
_MAX_CHARACTERS = 1_000_000


class WholeRow(Protocol):
    """What the tokenizers package returns for a text or pair: here one that nothing was cut from."""

    @property
    def ids(self) -> list[int]:
        """The tokens, special ones included."""

    @property
    def type_ids(self) -> list[int]:
        """0 or 1 for each token."""

    @property
    def sequence_ids(self) -> list[int | None]:
        """For each token, which of the texts it is of; None for the special tokens that the tokenizer added."""


def cut(row: WholeRow, max_length: int) -> tuple[list[int], list[int], int]:
    """Return at most ``max_length`` ids and type ids of a row, and how many tokens it has in all.

    The end is cut off; of a pair that of the longer text first, until both are equally long. Special tokens stay.
    """
    ids, types = row.ids, row.type_ids
    if len(ids) <= max_length:
        return ids, types, len(ids)
    owners = row.sequence_ids
    first, second = owners.count(0), owners.count(1)
    room = max_length - (len(ids) - first - second)
    left = dict(enumerate(shares(first, second, room)))
    kept = []
    for place, owner in enumerate(owners):
        if owner is None or left[owner] > 0:
            kept.append(place)
        if owner is not None:
            left[owner] -= 1
    return [ids[place] for place in kept], [types[place] for place in kept], len(ids)


def shares(first: int, second: int, room: int) -> tuple[int, int]:
    """Return how many tokens two texts keep that have more than ``room`` together: the longer one gives way first."""
    shorter = min(first, second, room // 2)
    return (shorter, room - shorter) if first <= second else (room - shorter, shorter)


def portions(texts: Sequence[Text], rows: int) -> Iterator[slice]:
    """Yield slices of at most ``rows`` texts that have a million characters together, or of one text that has more."""
    start = characters = 0
    for position, text in enumerate(texts):
        length = sum(map(len, parts(text)))
        if position > start and (position - start >= rows or characters + length > _MAX_CHARACTERS):
            yield slice(start, position)
            start, characters = position, 0
        characters += length
    if start < len(texts):
        yield slice(start, len(texts))

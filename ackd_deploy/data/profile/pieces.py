"""Held-out texts that are pieces of training texts: a model that has seen the whole knows its part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ackd_deploy.tasks.text import Text, parts

__all__ = ["pieces_of"]

_WORDS = 4


def pieces_of(texts: Sequence[Text], wholes: Sequence[Text]) -> list[int]:
    """Return which of ``texts`` are contiguous words inside one of ``wholes``, longer than they are; case aside.

    Texts of fewer than four words are no evidence, and pairs are judged by their first text only where the second one
    is the same. The work is linear in all words: only places that begin with a text's first four words are compared.

    >>> pieces_of(["a warm and funny film", "dull, empty, far too long"], ["It is a warm and funny film indeed"])
    [0]
    """
    by_start: dict[tuple[str, ...], list[tuple[int, tuple[str, ...], str]]] = defaultdict(list)
    for place, text in enumerate(texts):
        words, beside = _words(text)
        if len(words) >= _WORDS:
            by_start[words[:_WORDS]].append((place, words, beside))
    found: set[int] = set()
    for whole in wholes:
        words, beside = _words(whole)
        for start in range(len(words) - _WORDS + 1):
            for place, piece, other in by_start.get(words[start : start + _WORDS], ()):
                if len(piece) < len(words) and other == beside and words[start : start + len(piece)] == piece:
                    found.add(place)
    return sorted(found)


def _words(text: Text) -> tuple[tuple[str, ...], str]:
    first, *rest = parts(text)
    return tuple(first.casefold().split()), "\0".join(" ".join(part.casefold().split()) for part in rest)

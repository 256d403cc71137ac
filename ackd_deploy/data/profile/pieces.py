"""Held-out texts that are pieces of training texts: a model that has seen the whole knows its part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ackd_deploy.tasks.text import Text, parts

__all__ = ["pieces_of"]

_WORDS = 4
# The words of the first text, and the second one of a pair.
_Words = tuple[tuple[str, ...], str]


def pieces_of(texts: Sequence[Text], wholes: Sequence[Text]) -> list[int]:
    """Return which of ``texts`` are contiguous words inside one of ``wholes``, longer than they are; case aside.

    Texts of fewer than four words are no evidence, and pairs are judged by their first text only where the second one
    is the same. Only places that begin with a text's first four words are looked at, so the work is
    about linear in all words.

    >>> pieces_of(["a warm and funny film", "dull, empty, far too long"], ["It is a warm and funny film indeed"])
    [0]
    """
    known: dict[_Words, list[int]] = defaultdict(list)
    lengths: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for place, text in enumerate(texts):
        words, beside = _words(text)
        if len(words) >= _WORDS:
            known[words, beside].append(place)
            lengths[words[:_WORDS]].add(len(words))
    found: set[int] = set()
    for whole in wholes:
        words, beside = _words(whole)
        for start in range(len(words) - _WORDS + 1):
            # By length and not by text: many texts may begin with the same words.
            for length in lengths.get(words[start : start + _WORDS], ()):
                if length < len(words) and (places := known.get((words[start : start + length], beside))):
                    found.update(places)
    return sorted(found)


def _words(text: Text) -> _Words:
    first, *rest = parts(text)
    return tuple(first.casefold().split()), "\0".join(" ".join(part.casefold().split()) for part in rest)

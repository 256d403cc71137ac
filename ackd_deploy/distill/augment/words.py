"""Which words of a text are replaced in which copy, and the text that comes out. Pure; no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

__all__ = ["Replacement", "Word", "plan", "replaced", "single_piece_words"]


@dataclass(frozen=True)
class Word:
    """A word that the tokenizer has as one piece.

    Attributes:
        part: 0 for the text, 1 for the second text of a pair.
        start: first character.
        end: behind its last character.
        position: of its token among the input ids.
    """

    part: int
    start: int
    end: int
    position: int


@dataclass(frozen=True)
class Replacement:
    """In one copy, the place of a word among a text's `Word` s, and the place of its new word among the candidates."""

    word: int
    candidate: int


def single_piece_words(encoding: Encoding, parts: Sequence[str], unknown: int | None) -> list[Word]:
    """Return the words of one piece, of letters alone, in the order of their tokens.

    Args:
        encoding: of the text or pair, with special tokens.
        parts: the text, or the two texts of a pair.
        unknown: id of the token for what the vocabulary lacks.
    """
    keys = list(zip(encoding.sequence_ids, encoding.word_ids, strict=True))
    pieces = Counter(keys)
    found = []
    for position, (key, (start, end)) in enumerate(zip(keys, encoding.offsets, strict=True)):
        part, word = key
        if part is None or word is None or pieces[key] > 1 or encoding.ids[position] == unknown:
            continue
        if parts[part][start:end].isalpha():
            found.append(Word(part, start, end, position))
    return found


def plan(words: int, copies: int, probability: float, top_k: int, *, seed: int, row: int) -> list[list[Replacement]]:
    """Return what is replaced in each copy: a function of the arguments alone, so that no part depends on others.

    Algorithm 1 of TinyBERT (Jiao et al. 2020): each word is replaced with the probability, by one of the ``top_k``
    candidates, all of them equally likely.
    """
    found = []
    for copy in range(copies):
        rng = np.random.default_rng((seed, row, copy))
        chosen: NDArray[np.bool_] = rng.random(words) < probability
        candidates = rng.integers(top_k, size=words)
        found.append([Replacement(int(word), int(candidates[word])) for word in np.flatnonzero(chosen)])
    return found


def replaced(
    parts: Sequence[str],
    words: Sequence[Word],
    replacements: Sequence[Replacement],
    candidates: Mapping[int, Sequence[str]],
) -> list[str]:
    """Return the parts with the words replaced; everything between them stays as it was.

    Args:
        parts: the text, or the two texts of a pair.
        words: of `single_piece_words`.
        replacements: of one copy.
        candidates: the new words for a place in ``words``; a place without any, or with too few, stays or starts over.
    """
    found = list(parts)
    # From the end, so that earlier places keep their characters.
    for replacement in sorted(replacements, key=lambda r: words[r.word].start, reverse=True):
        choices = candidates.get(replacement.word, ())
        if choices:
            word = words[replacement.word]
            text = found[word.part]
            found[word.part] = text[: word.start] + choices[replacement.candidate % len(choices)] + text[word.end :]
    return found

"""Cutting a data set of phrases, in which many texts are pieces of others, so that nothing leaks between the parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["cut_by_containment"]

Indices = npt.NDArray[np.int64]


def cut_by_containment(texts: Sequence[str], shares: Sequence[float], *, seed: int) -> list[Indices]:
    """Deal texts out into parts, so that no text of one part is a piece of a text of another, or equal to one.

    SST-2's training set holds, beside whole sentences, thousands of their phrases: a slice drawn row by row would be
    known from the sentences that were left behind. So the *maximal* texts, those that are no piece of any other, are
    dealt out by chance; a piece goes where all the maximal texts that hold it went, and is dropped where these went
    to different parts. Pieces are contiguous runs of blank-separated words, case aside.

    Args:
        texts: [N] texts.
        shares: of the maximal texts, one for each part; they must sum to 1.
        seed: of the dealing.

    Returns:
        Row numbers of each part, ascending; together they may be fewer than N.

    Raises:
        ValueError: the shares don't sum to 1, or one is negative.
    """
    if any(share < 0 for share in shares) or not np.isclose(sum(shares), 1.0):
        raise ValueError(f"shares must be at least 0 and sum to 1, got {list(shares)}")
    keys = [tuple(text.casefold().split()) for text in texts]
    known = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    holders: list[list[int]] = [[] for _ in known]
    maximal = np.ones(len(known), dtype=bool)
    for key, number in known.items():
        for piece in {known[p] for p in _pieces(key, known)} - {number}:
            maximal[piece] = False
            holders[piece].append(number)

    part = np.full(len(known), -1, dtype=np.int64)
    whole = np.flatnonzero(maximal)
    order = np.random.default_rng(seed).permutation(len(whole))
    bounds = np.round(np.cumsum(shares) * len(whole)).astype(np.int64)
    part[whole[order]] = np.searchsorted(bounds, np.arange(len(whole)), side="right")
    # A piece of a piece is a piece of the same maximal texts, so one pass over all holders settles each.
    for number, inside in enumerate(holders):
        if not maximal[number]:
            homes = {int(part[holder]) for holder in inside if maximal[holder]}
            part[number] = homes.pop() if len(homes) == 1 else -1
    of_row = part[[known[key] for key in keys]] if keys else part
    return [np.flatnonzero(of_row == number) for number in range(len(shares))]


def _pieces(key: tuple[str, ...], known: dict[tuple[str, ...], int]) -> list[tuple[str, ...]]:
    spans = ((start, end) for start in range(len(key)) for end in range(start + 1, len(key) + 1))
    return [piece for start, end in spans if (piece := key[start:end]) in known]

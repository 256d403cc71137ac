"""Which waiting rows to run together: a pure choice over lengths, in the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["choose_batch"]

# A run costs about as much as this many tokens before it has computed any (docs/serving.md).
_RUN_TOKENS = 32


def choose_batch(lengths: Sequence[int], max_rows: int, max_tokens: int) -> list[int]:
    """Choose the rows of the next batch.

    The oldest row always goes, so that nothing starves. The places beside it go to the rows nearest to it
    in length, as long as padding stays below a quarter of the real tokens and a run's own cost: a batch
    costs rows × its longest row, and two batches of like lengths take less time than one of mixed ones.

    Args:
        lengths: tokens of the rows to choose from, oldest first.
        max_rows: rows in a batch.
        max_tokens: rows × longest row; the oldest row goes even when it is longer than that.

    Returns:
        Indices into ``lengths``, ascending. Never empty unless ``lengths`` is.
    """
    if not lengths:
        return []
    first = lengths[0]
    nearest = sorted(range(1, len(lengths)), key=lambda index: (abs(lengths[index] - first), index))
    chosen, longest, real = [0], first, first
    for index in nearest:
        if len(chosen) == max_rows:
            break
        widest = max(longest, lengths[index])
        padded = widest * (len(chosen) + 1)
        worth_it = padded <= 1.25 * (real + lengths[index]) + _RUN_TOKENS
        if worth_it and padded <= max_tokens:
            chosen.append(index)
            longest, real = widest, real + lengths[index]
    return sorted(chosen)

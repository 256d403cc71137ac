"""Which waiting rows to run together: a pure choice over lengths, in the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["choose_batch"]


def choose_batch(lengths: Sequence[int], max_rows: int, max_tokens: int, run_tokens: float) -> list[int]:
    """Choose the rows of the next batch.

    The oldest row always goes, so that nothing starves. The places beside it go to the rows nearest to it
    in length, each as long as the padding that it brings costs less than a run of its own: a batch takes
    the time of ``run_tokens + rows × its longest row`` tokens.

    Args:
        lengths: tokens of the rows to choose from, oldest first.
        max_rows: rows in a batch.
        max_tokens: rows × longest row; the oldest row goes even when it is longer than that.
        run_tokens: what a run costs before it has computed any token, in tokens (warm_up.py measures it).

    Returns:
        Indices into ``lengths``, ascending. Never empty unless ``lengths`` is.
    """
    if not lengths:
        return []
    first = lengths[0]
    nearest = sorted(range(1, len(lengths)), key=lambda index: (abs(lengths[index] - first), index))
    chosen, longest = [0], first
    for index in nearest:
        if len(chosen) == max_rows:
            break
        widest = max(longest, lengths[index])
        padded = widest * (len(chosen) + 1)
        apart = longest * len(chosen) + run_tokens + lengths[index]
        if padded <= apart and padded <= max_tokens:
            chosen.append(index)
            longest = widest
    return sorted(chosen)

"""Which rows make up which batch: pure functions of lengths, sizes, seed and epoch.

Rows of like length go together, so that little is padded; chance decides which of them meet, and in
which order the batches come.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["bucketed_batches", "sorted_batches"]

Indices = npt.NDArray[np.int64]

# Sorting inside pools of this many batches leaves padding near its least, and the larger the pool, the
# less chance decides about who meets whom.
_POOL_BATCHES = 64


def bucketed_batches(
    lengths: npt.ArrayLike, batch_size: int, *, seed: int, epoch: int, max_tokens: int | None = None
) -> list[Indices]:
    """Return the training batches of one epoch: each row exactly once.

    Rows are shuffled, cut into pools of 64 batches, sorted by length inside the pool, cut into batches,
    and the batches are shuffled. Without ``max_tokens`` there are ceil(N / batch_size) batches, and at most
    one is smaller than ``batch_size``, so that a learning-rate schedule can count on them.

    Args:
        lengths: [N] tokens of each row.
        batch_size: rows in a batch.
        seed: the run's seed.
        epoch: from 0; each has its own shuffle.
        max_tokens: most padded tokens (rows x longest row) of a batch; larger batches are split. A row that is
            longer by itself makes a batch of its own.

    Raises:
        ValueError: ``batch_size`` or ``max_tokens`` below 1, or a negative seed or epoch.
    """
    sizes = _checked(lengths, batch_size, max_tokens)
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(sizes))
    pool = batch_size * _POOL_BATCHES
    batches: list[Indices] = []
    for start in range(0, len(order), pool):
        chosen = order[start : start + pool]
        # Stable: rows of one length stay in shuffled order, so equal lengths don't freeze the batches.
        chosen = chosen[np.argsort(sizes[chosen], kind="stable")]
        batches.extend(_cut(chosen, sizes, batch_size, max_tokens))
    return [batches[i] for i in rng.permutation(len(batches))]


def sorted_batches(lengths: npt.ArrayLike, batch_size: int, *, max_tokens: int | None = None) -> list[Indices]:
    """Return batches for evaluation, longest rows first: least padding, and too little memory shows at once."""
    sizes = _checked(lengths, batch_size, max_tokens)
    order = np.argsort(-sizes, kind="stable")
    return list(_cut(order, sizes, batch_size, max_tokens))


def _checked(lengths: npt.ArrayLike, batch_size: int, max_tokens: int | None) -> npt.NDArray[Any]:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if max_tokens is not None and max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, got {max_tokens}")
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.ndim != 1:
        raise ValueError(f"lengths must have one axis, got shape {sizes.shape}")
    return sizes


def _cut(order: Indices, sizes: npt.NDArray[Any], batch_size: int, max_tokens: int | None) -> list[Indices]:
    """Cut rows, sorted by length in either direction, into batches."""
    whole = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if max_tokens is None:
        return whole
    parts: list[Indices] = []
    for batch in whole:
        start, longest = 0, 0
        for position, length in enumerate(sizes[batch].tolist()):
            longest = max(longest, length)
            if position > start and (position - start + 1) * longest > max_tokens:
                parts.append(batch[start:position])
                start, longest = position, length
        parts.append(batch[start:])
    return parts

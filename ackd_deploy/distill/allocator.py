"""The C allocator, tuned for training on a CPU."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next step in place of giving it back to the system.

    A training step allocates the gradient of the embeddings and the activations anew; by default glibc maps and unmaps
    each large one, and the kernel clears every page again: an eighth of the time of a step on two cores
    (docs/performance.md).

    Returns:
        Whether it was done: only Linux's glibc knows how.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGEST))

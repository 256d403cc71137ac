"""The C allocator, tuned for training on a CPU, and for serving."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["keep_freed_memory", "limit_arenas"]

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next step in place of giving it back to the system.

    A training step allocates the gradient of the embeddings and the activations anew; by default glibc maps and unmaps
    each large one, and the kernel clears every page again: an eighth of the time of a step on two cores
    (docs/performance.md).

    Returns:
        Whether it was done: only Linux's glibc knows how.
    """
    return _set(_M_MMAP_MAX, 0) and _set(_M_TRIM_THRESHOLD, _LARGEST)


def limit_arenas(count: int = 2) -> bool:
    """Tell glibc to share ``count`` heaps among all threads; to be called before threads are started.

    By default each thread gets a heap of its own, up to eight a processor, and each keeps the memory of the largest
    request that its thread has seen: under hostile requests a worker grew from 200 to 242 MB, and to 200 MB with
    two heaps (docs/performance.md). Nothing is done where MALLOC_ARENA_MAX is set: it was chosen.

    Returns:
        Whether it was done: only Linux's glibc knows how.
    """
    return "MALLOC_ARENA_MAX" not in os.environ and _set(_M_ARENA_MAX, count)


def _set(parameter: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(parameter, value))  # None: musl

"""One process at a time: a lock that the operating system frees when its holder ends, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["exclusive"]


@contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file ``path``.

    Args:
        path: made where it isn't there, and left.
        wait: until another holder is done.

    Raises:
        BlockingIOError: another process holds it, and ``wait`` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path, timeout=-1 if wait else 0)
        lock.acquire()
    except Timeout as error:
        raise BlockingIOError(f"{path} is held by another process") from error
    try:
        yield
    finally:
        lock.release()

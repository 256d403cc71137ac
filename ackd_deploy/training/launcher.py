"""Ranks that a launcher (torchrun, accelerate launch) gives each process; without one there is a single process."""

from __future__ import annotations

import os

__all__ = ["local_rank", "process_count", "process_rank"]


def process_rank() -> int:
    """Return this process's number among all."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """Return how many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Return this process's number on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))

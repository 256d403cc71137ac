"""The learning rate over the steps, and a seed for each random choice."""

from __future__ import annotations

import hashlib

__all__ = ["derived_seed", "learning_rate_factor"]


def learning_rate_factor(step: int, steps: int, warmup_ratio: float) -> float:
    """Return the share of the peak learning rate at a step (from 0): linear up, then linear down to 0.

    ``min((step + 1) / warmup, (steps - step) / (steps - warmup))`` with ``warmup = warmup_ratio * steps``: it is above
    0 in the first and in the last step.
    """
    warmup = warmup_ratio * steps
    if step < warmup:
        return min(1.0, (step + 1) / warmup)
    return (steps - step) / max(1.0, steps - warmup)


def derived_seed(seed: int, *parts: str | int) -> int:
    """Return a 63-bit seed for one purpose, such as ``(42, "negatives", step)``.

    Random numbers are drawn from a new generator for each purpose and step, never from a running one: a resumed run
    continues exactly as before without any generator's state.
    """
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

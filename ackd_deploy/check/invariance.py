"""The batch-invariance gate: one caller's text must not change another caller's answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ackd_deploy.check.gates import GateResult, at_most
from ackd_deploy.runtime import Classifier, Tokens

__all__ = ["invariance_gates"]


def invariance_gates(
    classifier: Classifier,
    tokens: Sequence[Tokens],
    *,
    max_batch: int,
    max_flips: int,
    max_score_change: float,
    seed: int = 0,
) -> list[GateResult]:
    """Run each row alone, in mixed batches and padded to the longest, as the runtime would serve it.

    Returns the number of labels that flip and the largest change of a score, each against its bound.
    """
    variant = classifier.variant.name
    task = classifier.manifest.task
    temperature = classifier.manifest.temperature
    alone = np.concatenate([classifier.run([row]) for row in tokens])
    scores = task.activate(alone, temperature)
    flips, change, where = 0, 0.0, ""
    for layout, rows in _layouts(tokens, max_batch, seed):
        together = classifier.run([tokens[row] for row in rows])
        difference = float(np.abs(task.activate(together, temperature) - scores[rows]).max())
        if not difference <= change:  # written so that NaN counts as the largest
            change, where = difference, layout
        flips += task.flips(together, alone[rows])
    n = len(tokens)
    return [
        at_most("batch flips", variant, flips, max_flips, n=n),
        at_most("batch score change", variant, change, max_score_change, n=n, detail=where),
    ]


def _layouts(tokens: Sequence[Tokens], max_batch: int, seed: int) -> Iterator[tuple[str, list[int]]]:
    generator = np.random.default_rng(seed)
    for size in sorted({3, max_batch}):
        order = generator.permutation(len(tokens)).tolist()
        for start in range(0, len(order), size):
            yield f"in a mixed batch of {size}", order[start : start + size]
    longest = int(np.argmax([len(row.ids) for row in tokens]))
    others = [row for row in range(len(tokens)) if row != longest]
    for start in range(0, len(others), max(1, max_batch - 1)):
        yield "padded to the longest row", [*others[start : start + max(1, max_batch - 1)], longest]

"""Which products 8 bits hurt most, and how many must stay in float: measured on calibration rows.

A product's own rounding says little about what becomes of it layers later, so each group of products is
left in float once and the error of the logits is measured. What decides is not that error but what it
does to answers, estimated from few rows by pairing each row's margin with each row's error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.export.quantization.smooth import products_by_input

__all__ = ["expected_disagreement", "product_groups", "worst_groups"]

Floats = npt.NDArray[np.floating[Any]]


def expected_disagreement(reference: Floats, found: Floats) -> float:
    """Estimate the share of rows whose answer changes, for logits [N, C] before and after quantization.

    With m_i the margin of row i (best logit minus second) and d_j the change of the difference of those two
    logits in row j: the share of pairs (i, j) in which |d_j| > m_i and d_j points against the answer, which
    half of all errors do. Every error meets every margin, so that 64 rows speak as 4,096 pairs. A single
    logit has no margin; there the share is 0, and the gates alone judge.
    """
    if reference.shape[1] < 2:
        return 0.0
    rows = np.arange(len(reference))
    order = np.argsort(reference, axis=1)
    best, second = order[:, -1], order[:, -2]
    margins = reference[rows, best] - reference[rows, second]
    errors = np.abs((found[rows, best] - found[rows, second]) - margins)
    return float(0.5 * np.mean(errors[None, :] > margins[:, None]))


def product_groups(model: Any) -> list[list[str]]:
    """Names of the products with a constant weight, those that share an input together."""
    return [[node.name for node in nodes] for nodes in products_by_input(model).values()]


def worst_groups(
    groups: Sequence[Sequence[str]],
    reference: Floats,
    run: Callable[[Sequence[str]], Floats],
    *,
    target: float,
    most: int,
) -> list[str]:
    """Return the names to leave in float: the worst groups, as few as bring the disagreement to ``target``.

    Args:
        groups: names of products that stand or fall together.
        reference: [N, C] logits in float.
        run: quantizes all but the given names and returns the logits [N, C].
        target: expected share of changed answers to reach.
        most: groups to leave at most; where they do not suffice, they are left all the same.
    """

    def error(names: Sequence[str]) -> float:
        return float(np.sqrt(np.mean(np.square(run(names) - reference))))

    # The smaller the error without a group, the more of it was that group's.
    ranking = sorted(groups, key=error)
    left: list[str] = []
    for group in ranking[:most]:
        left += group
        if expected_disagreement(reference, run(left)) <= target:
            break
    return left

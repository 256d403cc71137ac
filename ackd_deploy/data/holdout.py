"""The part of one file that is held out of training: groups of equal texts stay whole, classes keep their shares."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.split import normalized_texts

__all__ = ["held_out"]

Indices = npt.NDArray[np.int64]

_QUANTILES = 10


def held_out(rows: LabeledTexts, share: float, *, seed: int) -> Indices:
    """Return the row numbers of about ``share`` of the rows, ascending; a function of rows, share and seed alone.

    Rows with the same text (and pair), case and blanks aside, are a group, and a group is held out whole or not at
    all: a text that a model was trained on says nothing about texts that it wasn't. Each class gives its share as
    nearly as its groups allow: at least one group, where it has two, and never all of them. The class of a group is
    the rarest that one of its rows has; of a regression, the tenth of the targets that its first row's is in.

    Args:
        rows: N rows.
        share: between 0 and 1.
        seed: of the draw.
    """
    strata = _strata(rows)
    counts = Counter(strata)
    groups: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(normalized_texts(rows)):
        groups[text].append(row)
    by_stratum: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups.values():
        by_stratum[min((strata[row] for row in group), key=lambda s: (counts[s], s))].append(group)
    rng = np.random.default_rng([seed, 3])
    chosen: list[int] = []
    for stratum in sorted(by_stratum):
        members = by_stratum[stratum]
        chosen += _draw([members[i] for i in rng.permutation(len(members))], share)
    return np.sort(np.array(chosen, dtype=np.int64))


def _draw(groups: list[list[int]], share: float) -> list[int]:
    """Take groups in their order as long as each brings the number of rows nearer to its share."""
    if len(groups) == 1:
        return []
    wanted = share * sum(map(len, groups))
    taken: list[list[int]] = []
    size = 0
    # The last one stays in training, whatever the share is.
    for group in groups[:-1]:
        if abs(size + len(group) - wanted) < abs(size - wanted):
            taken.append(group)
            size += len(group)
    return [row for group in taken or [min(groups, key=len)] for row in group]


def _strata(rows: LabeledTexts) -> list[int]:
    """Return a number for each row: its class, its rarest label (-1 without any), or the tenth of its target."""
    if not rows.task.has_classes:
        bounds = np.quantile(rows.labels, np.arange(1, _QUANTILES) / _QUANTILES)
        return [int(place) for place in np.searchsorted(bounds, rows.labels)]
    if rows.labels.ndim == 1:
        return [int(label) for label in rows.labels]
    totals = rows.labels.sum(axis=0)
    order = np.argsort(totals, kind="stable")
    return [next((int(place) for place in order if row[place]), -1) for row in rows.labels]

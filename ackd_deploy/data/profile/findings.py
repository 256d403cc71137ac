"""What all findings share: their rows by number, and words for them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.profile.record import Finding
from ackd_deploy.data.source import Part

__all__ = ["SAME_TEXT", "SHOWN", "class_counts", "finding_of", "row_count"]

SHOWN = 6
SAME_TEXT = "equal texts (and pairs), case and blanks aside"


def finding_of(
    part: Part, rows: Iterable[int], kind: str, name: str, message: str, *, rule: str, hint: str
) -> Finding | None:
    """Return a finding about the rows at these indices of a part; None without any."""
    places = [int(row) for row in rows]
    if not places:
        return None
    return Finding(
        kind=kind, part=name, message=message, rule=rule, hint=hint, count=len(places),
        noun=part.noun, rows=[part.numbers[row] for row in places[:SHOWN]],
    )  # fmt: skip


def row_count(count: int, *verbs: str) -> str:
    """Return a number of rows in words, with the verb for one or that for several.

    >>> row_count(1), row_count(1200, "stands", "stand")
    ('1 row', '1,200 rows stand')
    """
    words = f"{count:,} row" + ("s" if count != 1 else "")
    return f"{words} {verbs[count != 1]}" if verbs else words


def class_counts(rows: LabeledTexts) -> list[int]:
    """Return how many rows have each label."""
    if rows.labels.ndim == 2:
        return [int(count) for count in rows.labels.sum(axis=0)]
    return [int(count) for count in np.bincount(rows.labels, minlength=len(rows.label_names))]

"""Rows that a training does not see, or not whole."""

from __future__ import annotations

from collections.abc import Sequence

from ackd_deploy.data.problems import listed
from ackd_deploy.data.profile.findings import SHOWN, finding_of, row_count
from ackd_deploy.data.profile.record import Finding, Lengths
from ackd_deploy.data.source import Part

__all__ = ["find_cut", "find_skipped"]

_CUT_SHARE = 0.01


def find_skipped(part: Part, name: str) -> list[Finding]:
    """Return the rows that the recipe said to skip."""
    rows = [row.number for row in part.skipped]
    if not rows:
        return []
    reasons = listed(dict.fromkeys(row.reason for row in part.skipped), 3)
    return [
        Finding(
            kind="skipped", part=name, count=len(rows), noun=part.skipped[0].noun, rows=rows[:SHOWN],
            message=f"{row_count(len(rows))} skipped, which cannot be read",
            rule=f"data.on_error: skip ({reasons})",
            hint="mend them, or remove them from the file",
        )
    ]  # fmt: skip


def find_cut(part: Part, lengths: Lengths, cut: Sequence[int]) -> list[Finding]:
    """Return the training rows that are cut by data.max_length.

    Args:
        part: the training rows.
        lengths: of them, or of a sample.
        cut: row indices that are longer than the bound.
    """
    if not cut:
        return []
    share = lengths.cut / lengths.rows
    of = f"{100 * share:.3g} % of the rows" if lengths.rows == len(part.rows) else f"{100 * share:.3g} % of a sample"
    longer = lengths.suggested > lengths.max_length
    few = "few enough to leave it"
    hint = f"data.max_length: {lengths.suggested} cuts at most 1 %" if longer and share > _CUT_SHARE else few
    if share > _CUT_SHARE and not longer:
        hint = "the text beyond is never seen: is what decides at its beginning?"
    finding = finding_of(
        part, cut, "cut", "train",
        f"{row_count(lengths.cut)} ({of}) are longer than max_length",
        rule=f"more than data.max_length: {lengths.max_length} {lengths.unit}",
        hint=hint,
    )  # fmt: skip
    return [finding] if finding else []

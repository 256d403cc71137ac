"""Rows that a training does not see, or not whole."""

from __future__ import annotations

from collections.abc import Sequence

from ackd_deploy.data.problems import listed
from ackd_deploy.data.profile.findings import SHOWN, finding_of, row_count
from ackd_deploy.data.profile.record import Finding, Lengths
from ackd_deploy.data.source import Part
from ackd_deploy.tasks.long_texts import LongTexts

__all__ = ["find_cut", "find_skipped"]

_CUT_SHARE = 0.01
_READ: dict[LongTexts, str] = {
    "cut": "max_length: the end is never read",
    "head_tail": "max_length: the middle is never read",
    "windows": "all windows together",
}


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


def find_cut(part: Part, lengths: Lengths, cut: Sequence[int], mode: LongTexts) -> list[Finding]:
    """Return the training rows that are not read whole.

    Args:
        part: the training rows.
        lengths: of them, or of a sample.
        cut: indices of the rows that are longer than what is read.
        mode: ``data.long_texts``.
    """
    share = lengths.cut / lengths.rows
    of = f"{100 * share:.3g} % of {'the rows' if lengths.rows == len(part.rows) else 'a sample'}"
    finding = finding_of(
        part, cut, "cut", "train",
        f"{row_count(lengths.cut)} ({of}) longer than {_READ[mode]}",
        rule=f"data.max_length: {lengths.max_length}, data.long_texts: {mode}, in {lengths.unit}",
        hint=_cut_hint(share, lengths, mode),
    )  # fmt: skip
    return [finding] if finding else []


def _cut_hint(share: float, lengths: Lengths, mode: LongTexts) -> str:
    if share <= _CUT_SHARE:
        return "few enough to leave it"
    if lengths.suggested > lengths.max_length:
        return f"data.max_length: {lengths.suggested} cuts at most 1 %, where the teacher has the positions"
    if mode == "windows":
        return "a larger data.max_windows reads more of them"
    return "data.long_texts: windows (pairs: head_tail) reads more of them"

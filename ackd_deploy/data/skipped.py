"""Rows that the recipe said to skip: kept with number and reason, and bounded in number."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ackd_deploy.errors import DataError
from ackd_deploy.files import write_text

__all__ = ["SkippedRow", "check_share", "reasons", "skipped_fingerprints", "write_skipped"]

_SHOWN = 5


@dataclass(frozen=True)
class SkippedRow:
    """One row that could not be used.

    Attributes:
        source: the file.
        noun: what ``number`` counts: ``line``, ``row`` or ``file``, from 1.
        number: where it stands.
        reason: what is wrong with it.
    """

    source: str
    noun: str
    number: int
    reason: str


def check_share(skipped: Sequence[SkippedRow], total: int, bound: float) -> None:
    """Refuse a file of which more than ``bound`` of the ``total`` rows had to be skipped.

    Raises:
        DataError: with the reasons and the first rows.
    """
    count = len(skipped)
    if count <= bound * total:
        return
    lines = [f"  {reason}" for reason in reasons(skipped)]
    heading = f"{skipped[0].source}: {count} of {total} rows cannot be used, and {bound * 100:.3g} % may be skipped"
    raise DataError(
        "\n".join([heading, *lines]),
        hint="is a column or data.problem_type wrong? --set data.max_skipped=0.2 skips more",
    )


def reasons(skipped: Iterable[SkippedRow]) -> list[str]:
    """Return a line for each reason: how many rows, and the first of them."""
    rows = list(skipped)
    found = []
    for reason, count in Counter(row.reason for row in rows).most_common(2 * _SHOWN):
        first = [row for row in rows if row.reason == reason][:_SHOWN]
        more = f" and {count - len(first)} more" if count > len(first) else ""
        numbers = ", ".join(str(row.number) for row in first)
        found.append(f"{reason}: {first[0].noun}{'s' if count > 1 else ''} {numbers}{more}")
    return found


def skipped_fingerprints(skipped: Mapping[str, Iterable[SkippedRow]]) -> dict[str, str]:
    """Return SHA-256 of which rows were skipped, for each part (``train``, ...) and whatever the reasons are called."""
    places = {part: sorted((row.source, row.number) for row in rows) for part, rows in skipped.items()}
    return {
        f"data.{part} (the rows skipped)": hashlib.sha256(json.dumps(found).encode()).hexdigest()
        for part, found in places.items()
    }


def write_skipped(path: Path, skipped: Iterable[SkippedRow]) -> None:
    """Write the rows as JSON Lines, whole or not at all; without any, remove the file of an earlier reading."""
    lines = [json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in skipped]
    if lines:
        write_text(path, "".join(lines))
    else:
        path.unlink(missing_ok=True)

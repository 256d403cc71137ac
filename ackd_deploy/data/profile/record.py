"""The profile as a record: `recipe validate --json` prints it, a run keeps it, the report shows it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["ClassCount", "Finding", "Lengths", "PartCount", "Profile", "TargetRange"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Finding(_Record):
    """Something in the data that costs quality, or makes figures look better than they are."""

    kind: str
    """A short name, such as ``conflicting_labels``."""
    part: str
    """Where: ``train``, ``validation`` or ``test``."""
    message: str
    """What was found, with its number."""
    rule: str
    """By which rule."""
    hint: str
    """What to do."""
    count: int
    """How many rows (or classes, where there are no rows)."""
    noun: str = ""
    """What ``rows`` count: ``line``, ``row`` or ``file``, from 1."""
    rows: list[int] = []
    """The first of them."""


class PartCount(_Record):
    """One part of the data."""

    name: str
    """``train``, ``validation`` or ``test``."""
    source: str
    rows: int
    skipped: int = 0


class ClassCount(_Record):
    """One class, or one label of several."""

    name: str
    rows: dict[str, int]
    """By part."""
    share: float
    """Of the training rows."""


class TargetRange(_Record):
    """The targets of a regression, over the training rows."""

    least: float
    mean: float
    deviation: float
    largest: float


class Lengths(_Record):
    """Lengths of the training texts in tokens, special tokens included."""

    unit: str
    """``tokens``, or how they were estimated."""
    rows: int
    """Rows that were measured: all, or a sample of a large file."""
    median: int
    p90: int
    p95: int
    p99: int
    longest: int
    max_length: int
    """The recipe's."""
    cut: int
    """Measured rows that are not read whole: longer than ``max_length``, or than all windows together."""
    suggested: int
    """The smallest usual length that cuts at most 1 % of the rows."""


class Profile(_Record):
    """What the data of a recipe holds."""

    problem_type: str
    text: str
    text_pair: str | None
    label: str | list[str]
    delimiter: str | None
    encoding: str
    parts: list[PartCount]
    classes: list[ClassCount] = []
    targets: TargetRange | None = None
    lengths: Lengths
    findings: list[Finding] = []

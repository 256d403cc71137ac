"""The profile of a recipe's data for a terminal; it reads well from 60 columns on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ackd_deploy.data.profile import Finding, Lengths, Profile

__all__ = ["profile_view"]

_CLASSES = 20


def profile_view(profile: Profile) -> RenderableType:
    """Return parts, columns, classes or targets, lengths, and what was found, one under the other."""
    shown: list[RenderableType] = [_parts(profile), _columns(profile)]
    if profile.classes:
        shown.append(_classes(profile))
    if profile.targets is not None:
        t = profile.targets
        shown.append(
            Text(f"targets  {t.least:.4g} to {t.largest:.4g}, mean {t.mean:.4g}, standard deviation {t.deviation:.4g}")
        )
    shown.append(Text(_lengths(profile.lengths)))
    shown += [_finding(finding) for finding in profile.findings]
    return Group(*shown, "")


def _parts(profile: Profile) -> Table:
    table = Table("part", "rows", "file", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    table.columns[2].overflow = "fold"
    for part in profile.parts:
        skipped = f" ({part.skipped:,} skipped)" if part.skipped else ""
        table.add_row(part.name, f"{part.rows:,}{skipped}", escape(part.source))
    return table


def _columns(profile: Profile) -> Text:
    label = profile.label if isinstance(profile.label, str) else ", ".join(profile.label)
    pair = f", pair {profile.text_pair!r}" if profile.text_pair else ""
    return Text(f"columns  text {profile.text!r}{pair}, label {label!r}; {profile.problem_type.replace('_', ' ')}")


def _classes(profile: Profile) -> Table:
    names = [part.name for part in profile.parts]
    table = Table("class", *names, "share", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    entries = sorted(profile.classes, key=lambda entry: -entry.share)
    for entry in entries[:_CLASSES]:
        table.add_row(escape(entry.name), *(f"{entry.rows[name]:,}" for name in names), f"{100 * entry.share:.1f} %")
    if len(entries) > _CLASSES:
        table.add_row(f"and {len(entries) - _CLASSES} more", *([""] * (len(names) + 1)))
    return table


def _lengths(lengths: Lengths) -> str:
    cut = f"{lengths.cut:,} ({100 * lengths.cut / lengths.rows:.2g} %)" if lengths.cut else "none"
    sample = "" if lengths.unit == "tokens" else f" [{lengths.unit}]"
    return (
        f"lengths  median {lengths.median}, 90 % {lengths.p90}, 99 % {lengths.p99}, longest {lengths.longest}; "
        f"max_length {lengths.max_length} cuts {cut} of {lengths.rows:,} rows{sample}"
    )


def _finding(finding: Finding) -> RenderableType:
    where = ""
    if finding.rows:
        more = " ..." if finding.count > len(finding.rows) else ""
        plural = "s" if len(finding.rows) > 1 else ""
        where = f": {finding.noun}{plural} {', '.join(map(str, finding.rows))}{more}"
    beside = Text(f"rule: {finding.rule}\ndo: {finding.hint}", style="dim")
    said = Text.assemble(("! ", "yellow"), f"{finding.part}: {finding.message}{where}")
    return Group(said, Padding(beside, (0, 0, 0, 2), expand=False))

"""Class names that a person takes for one."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["alike"]


def alike(names: Sequence[str]) -> list[tuple[list[str], str]]:
    """Return groups of names that are the same to the eye, with what they differ by.

    >>> alike(["Sport", "sport", "politics"])
    [(['Sport', 'sport'], 'case')]
    >>> alike(["caf\\u00e9", "cafe\\u0301"])[0][1]
    'Unicode form'
    >>> alike(["spam", "spam\\u200b", "SPAM"])[0][1]
    'an invisible character, case'
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_eye(name), []).append(name)
    return [(group, _difference(group)) for group in groups.values() if len(group) > 1]


def _visible(name: str) -> str:
    # Cf: zero-width blanks and joiners, marks of direction, the soft hyphen.
    return " ".join("".join(c for c in name if unicodedata.category(c) != "Cf").split())


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _eye(name: str) -> str:
    # Folding may leave a form that normalizes further, so that is done on both sides of it.
    return _visible(_normal(_normal(_visible(name)).casefold()))


def _difference(group: list[str]) -> str:
    found = []
    if len({_visible(name) for name in group}) < len(group):
        found.append("an invisible character")
    if len({_normal(name) for name in map(_visible, group)}) < len({_visible(name) for name in group}):
        found.append("Unicode form")
    if len({_normal(_visible(name)) for name in group}) > 1:
        found.append("case")
    return ", ".join(found)

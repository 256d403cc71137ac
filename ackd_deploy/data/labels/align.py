"""Class ids from names: the data's names and the model's are brought together by name, never by place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ackd_deploy.data.problems import listed
from ackd_deploy.errors import DataError

__all__ = ["align", "is_generic", "match_names"]


def is_generic(names: Sequence[str]) -> bool:
    """Whether names are the placeholders that `transformers` writes: LABEL_0, LABEL_1, ..."""
    return bool(names) and all(re.fullmatch(r"LABEL_\d+", name) for name in names)


def match_names(names: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return which of ``known`` each of ``names`` is: the same spelling, or the only one that differs by case alone.

    Names that match none, or several, are left out.
    """
    by_fold: dict[str, list[str]] = {}
    for name in known:
        by_fold.setdefault(name.strip().casefold(), []).append(name)
    exact = set(known)
    found = {}
    for name in names:
        candidates = [name] if name in exact else by_fold.get(name.strip().casefold(), [])
        if len(candidates) == 1:
            found[name] = candidates[0]
    return found


def align(names: Sequence[str], known: Sequence[str] | None, *, source: str) -> tuple[str, ...]:
    """Return the names that class ids count, given the data's names and those that a model knows.

    A model with real names keeps them, and every name of the data must be one of them. A model with generic names
    (LABEL_0, ...), or none, takes the data's names in the data's order.

    Args:
        names: the data's names, in the data's order.
        known: the model's names, index to name, or None.
        source: what errors call the data.

    Raises:
        DataError: names that the model doesn't know, or another number of them than a generic model has.
    """
    if known is None:
        return tuple(names)
    found = match_names(names, known)
    unknown = [name for name in names if name not in found]
    if not unknown:
        return tuple(known)
    if is_generic(known):
        if len(names) != len(known):
            raise DataError(
                f"{source} has {len(names)} labels ({listed(names)}), the teacher tells {len(known)} apart",
                hint="data.label_names can name all of them, also those that no row has, in the order of its logits; "
                "or give the recipe a teacher.finetune section, so that the teacher learns these labels",
            )
        return tuple(names)
    raise DataError(
        f"{source}: the teacher doesn't know the label{'s' if len(unknown) > 1 else ''} "
        f"{listed(map(repr, unknown))}; it knows {listed(map(repr, known))}",
        hint="name each value of the label column in the recipe: "
        f"data.label_names: {{{unknown[0]!r}: {known[0]}, ...}}",
    )

"""The movie-review snippets as a binary task: labels from mean ratings, split by hash of the text."""

from __future__ import annotations

import hashlib

from ackd_deploy.errors import ArtifactError

__all__ = ["split_reviews"]

# Below it the twenty raters were of two minds, and the sign of their mean is chance.
_MIN_RATING = 0.5
_VALIDATION_ONE_IN = 5


def split_reviews(raw: bytes) -> tuple[bytes, bytes]:
    """Return train.tsv and validation.tsv, with the columns text, label and rating.

    The label is the sign of the mean rating; ratings within 0.5 of zero are left out, and so is a text that
    equals an earlier one in all but case and blanks. The hash of that normalized text decides the side, so that
    it depends on nothing but the text itself.

    Args:
        raw: lines of id, rating and text, separated by tabs.

    Raises:
        ArtifactError: a line has another form.
    """
    sides: tuple[list[str], list[str]] = ([], [])
    seen: set[str] = set()
    for number, line in enumerate(raw.decode("utf-8").split("\n"), 1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) != 3:
            raise ArtifactError(f"movie reviews, line {number}: expected id, rating and text")
        rating, text = float(fields[1]), " ".join(fields[2].split())
        normalized = text.casefold()
        if abs(rating) < _MIN_RATING or normalized in seen:
            continue
        seen.add(normalized)
        label = "positive" if rating > 0 else "negative"
        sides[_is_validation(normalized)].append(f"{text}\t{label}\t{rating:.4f}\n")
    train, validation = ("".join(["text\tlabel\trating\n", *side]).encode() for side in sides)
    return train, validation


def _is_validation(normalized: str) -> bool:
    digest = hashlib.sha256(normalized.encode()).digest()
    return int.from_bytes(digest[:8], "big") % _VALIDATION_ONE_IN == 0

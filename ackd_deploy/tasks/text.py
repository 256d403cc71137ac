"""What is classified: one text, or a pair of texts."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Text", "joined", "parts", "split", "zipped"]

Text = str | tuple[str, str]


def joined(first: str, second: str | None = None) -> Text:
    """Return one text, or the pair of two."""
    return first if second is None else (first, second)


def split(text: Text) -> tuple[str, str | None]:
    """Return the first text and the second, which is None where there is one text."""
    return (text, None) if isinstance(text, str) else text


def parts(text: Text) -> tuple[str, ...]:
    """Return the one or two strings of a text."""
    return (text,) if isinstance(text, str) else text


def zipped(firsts: Iterable[str], seconds: Iterable[str] | None) -> list[Text]:
    """Return single texts, or pairs of two columns of equal length."""
    return list(firsts) if seconds is None else list(zip(firsts, seconds, strict=True))

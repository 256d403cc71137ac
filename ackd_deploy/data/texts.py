"""What a text must be, wherever it is read: training, calibration, prediction and evaluation refuse the same."""

from __future__ import annotations

from typing import Any

__all__ = ["MAX_CHARACTERS", "text_problem"]

# Tokenizing takes memory for the whole text, however little of it the model reads: 3.5 GB for 15 million characters.
MAX_CHARACTERS = 1_000_000


def text_problem(text: Any, column: str) -> tuple[str, str] | None:
    """Return what is wrong with the value of a text column, and a hint; None where it can be used.

    The service refuses blank texts too: there is nothing in them to classify.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return f"empty text in column {column!r}", "remove these rows or fill in their text"
    if not isinstance(text, str):
        return f"no string but {type(text).__name__} in column {column!r}", "texts are strings"
    if len(text) > MAX_CHARACTERS:
        hint = (
            "a classifier reads the first few thousand at most: cut it, or does a quote open a text that none closes?"
        )
        return f"text of more than {MAX_CHARACTERS:,} characters in column {column!r}", hint
    if not text.isascii() and not _is_unicode(text):
        return f"half a surrogate pair in column {column!r}", "such text is no valid Unicode"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

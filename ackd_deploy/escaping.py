"""Text of unknown origin, made safe to show: control characters and marks that reorder text become visible escapes.

A file name, a key or a node's name may hold terminal escape sequences, line breaks or bidirectional marks. Whatever is
printed, logged or written into a card or a report passes through `visible`. It may be of any length too: messages and
warnings are cut by `shortened`.
"""

from __future__ import annotations

import re

__all__ = ["shortened", "visible", "visible_json"]

# Controls but newline and tab, marks of direction and isolation, line separators, the byte order mark, surrogates.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return a text with its hidden characters as escapes; newlines and tabs stay.

    >>> visible("plain \x1b[31mred\u202e")
    'plain \\x1b[31mred\\u202e'
    """
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def visible_json(text: str) -> str:
    r"""Return JSON text with hidden characters as JSON's own escapes: whoever parses it gets the same strings.

    >>> visible_json('{"name": "\u202etxt"}')
    '{"name": "\\u202etxt"}'
    """
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shortened(message: str, *, characters: int = 1000, lines: int = 100) -> str:
    """Return a message with long lines cut, and lines beyond a number left out.

    A file's name, a key, a label or a node's name may have a million characters.

    >>> shortened("one\\ntwo three", characters=5, lines=2)
    'one\\ntwo t…'
    """
    every = message.split("\n")
    kept = [line if len(line) <= characters else f"{line[:characters]}…" for line in every[:lines]]
    if len(every) > lines:
        kept.append(f"  … and {len(every) - lines:,} lines more")
    return "\n".join(kept)

"""How much longer a step of a tokenizer can make a text: an upper bound of the factor, in bytes of UTF-8. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["growth_problem"]

# By what the file itself writes into texts. Those of ALBERT, XLM-R, T5 and Llama come to 8 to 24.
_MAX_WRITTEN = 64.0
# By Unicode's tables and a table of the file's own. ALBERT's steps come to 545: each is rated by its worst character,
# although after one of them the next finds little to do.
_MAX_UNICODE = 1100.0
# The worst characters: U+FDFA is 18 letters in NFKC, 33 bytes for 3; U+0390 is 3 letters in NFD.
_UNICODE = {"NFC": 3.0, "NFD": 3.0, "NFKC": 11.0, "NFKD": 11.0, "Lowercase": 1.5, "BertNormalizer": 8.0}
_LONGEST_BYTES = 4


def growth_problem(steps: Iterable[Mapping[str, Any]]) -> str | None:
    """Return what is wrong with steps that together can make a text too long, or None.

    >>> growth_problem([{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaa"}] * 2)
    'whose replacements can make a text 81 times as long'
    """
    written = unicode = 1.0
    for step in steps:
        kind = step.get("type")
        if kind == "Precompiled":
            unicode *= _longest_entry(step.get("precompiled_charsmap"))
        elif kind in _UNICODE:
            unicode *= _UNICODE[str(kind)]
        else:
            written *= _written(kind, step)
    if written > _MAX_WRITTEN:
        return f"whose replacements can make a text {written:,.0f} times as long"
    if unicode > _MAX_UNICODE:
        return f"whose Unicode normalizations can make a text {unicode:,.0f} times as long"
    return None


def _written(kind: Any, step: Mapping[str, Any]) -> float:
    if kind == "ByteLevel":  # a byte above ASCII, and a space, become a character of two bytes
        return 2.0
    if kind == "Metaspace":  # a space becomes its sign, and each piece may get one before it
        return 1.0 + _bytes(step.get("replacement") or step.get("str_rep") or "x" * _LONGEST_BYTES)
    if kind == "Prepend":
        return 1.0 + _bytes(step.get("prepend", ""))
    if kind != "Replace":
        return 1.0
    content, pattern = _bytes(step.get("content", "")), step.get("pattern")
    literal = pattern.get("String") if isinstance(pattern, dict) else None
    if isinstance(literal, str) and literal:
        return max(1.0, content / _bytes(literal))
    # A regular expression, or an empty text, may match before every character.
    return 1.0 + content


def _bytes(text: Any) -> int:
    return len(str(text).encode("utf-8", "surrogatepass"))


def _longest_entry(table: Any) -> float:
    """Return the bytes of the longest text that a SentencePiece table of normalizations writes for anything.

    The table is the size of an index in 4 bytes, the index, and the texts, each with a NUL at its end.
    """
    try:
        content = base64.b64decode(str(table), validate=True)
    except ValueError:
        content = b""
    index = int.from_bytes(content[:4], "little")
    return float(max(map(len, content[4 + index :].split(b"\0")), default=1)) or 1.0

"""JSON of any origin, parsed in bounded memory and with one kind of error."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parse_json"]

# Python's values take up to eighty times their text: 50 MB of "[]," are 1.2 GB. The largest tokenizer in use has
# 600,000 lists and 2,000,000 commas.
_MAX_PARTS = 1_000_000
_MAX_VALUES = 5_000_000


def parse_json(content: bytes | str, *, strict: bool = False) -> Any:
    """Return the value of a JSON text, UTF-8 where it comes as bytes.

    Args:
        content: the text.
        strict: also refuse a key that occurs twice in an object, NaN and infinities, and half surrogate pairs, each of
            which other readers take otherwise or not at all.

    Raises:
        ValueError: no JSON, too many lists, objects or values, or refused by ``strict``; one line says why.
    """
    text = content if isinstance(content, str) else content.decode("utf-8")
    if text.count("[") + text.count("{") > _MAX_PARTS or text.count(",") > _MAX_VALUES:
        raise ValueError("it has more lists, objects or values than any real one")
    try:
        if not strict:
            return json.loads(text)
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a surrogate pair, no text") from None
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return content


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")

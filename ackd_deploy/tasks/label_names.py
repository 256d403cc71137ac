"""What a label may be called: names go into manifests, metrics and terminals."""

from __future__ import annotations

import re

__all__ = ["LABEL_NAME", "MAX_LABEL_CHARACTERS", "label_name_problem"]

MAX_LABEL_CHARACTERS = 200
# No control character, and none that ends a line or turns the direction of writing.
LABEL_NAME = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]+$"


def label_name_problem(name: str) -> str | None:
    r"""Return what is wrong with a name, or None.

    >>> label_name_problem("positive")
    >>> label_name_problem("a\nb")
    'has the control character U+000A'
    """
    if not name.strip():
        return "is empty"
    if len(name) > MAX_LABEL_CHARACTERS:
        return f"has {len(name)} characters; at most {MAX_LABEL_CHARACTERS} are taken"
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "has half a surrogate pair, which is no valid Unicode"
    if bad := next((character for character in name if not re.match(LABEL_NAME, character)), None):
        return f"has the control character U+{ord(bad):04X}"
    return None

"""Running the Python examples of a page under docs/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_examples(page: str) -> dict[str, Any]:
    """Run a page's Python blocks one after the other, in one namespace; returns it."""
    path = DOCS / page
    text = path.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "example"}
    found = list(_BLOCK.finditer(text))
    assert found, f"{path} has no Python blocks"
    for block in found:
        # So many empty lines before it that a traceback shows the page's own line numbers.
        before = "\n" * (text.count("\n", 0, block.start()) + 1)
        exec(compile(before + block[1], str(path), "exec"), names)
    return names

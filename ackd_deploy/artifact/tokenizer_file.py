"""Look at a ``tokenizer.json`` before the tokenizers package does: can it be loaded in bounded time and memory?

A tokenizer is a small program of its own. Steps that replace a text by a longer one multiply each other, and each
added token is compared with those before it, so a file of a few kilobytes can take hours to load.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ackd_deploy.errors import ArtifactError, first_line

__all__ = ["check_tokenizer", "read_tokenizer"]

_MAX_BYTES = 50_000_000
_MAX_DEPTH = 100
# Loading takes time that grows with their square: 0.1 s for 10,000, 4 s for 100,000.
_MAX_ADDED = 10_000
_MAX_STEPS = 100
# Times that a text may grow by replacements. Those of ALBERT, XLM-R and T5 come to 2.
_MAX_GROWTH = 64


def read_tokenizer(path: Path) -> str:
    """Return the content of a ``tokenizer.json`` that may be loaded.

    Raises:
        ArtifactError: missing, too large, no JSON object, or refused by `check_tokenizer`.
    """
    if not path.is_file():
        raise ArtifactError(f"{path} is missing or not a file")
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise ArtifactError(f"{path} has {size:,} bytes; more than {_MAX_BYTES:,} are refused")
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is not a tokenizer: {first_line(error)}") from None
    check_tokenizer(content, str(path))
    return text


def check_tokenizer(content: Any, source: str) -> None:
    """Refuse a tokenizer that could not be loaded, or not used, in bounded time and memory.

    Raises:
        ArtifactError: not an object, nested too deeply, or with too many added tokens, steps or replacements.
    """
    if not isinstance(content, dict):
        raise ArtifactError(f"{source} is not a tokenizer: it holds no JSON object")
    added = content.get("added_tokens")
    if isinstance(added, list) and len(added) > _MAX_ADDED:
        raise ArtifactError(f"{source} has {len(added):,} added tokens; more than {_MAX_ADDED:,} are refused")
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        steps = list(_steps(content.get(part), source, 0))
        if len(steps) > _MAX_STEPS:
            raise ArtifactError(f"{source} has a {part} of {len(steps):,} steps; more than {_MAX_STEPS} are refused")
        growth = 1.0
        for step in steps:
            growth *= _growth(step)
        if growth > _MAX_GROWTH:
            raise ArtifactError(f"{source} has a {part} whose replacements can make a text {growth:,.0f} times as long")


def _steps(node: Any, source: str, depth: int) -> Iterator[dict[str, Any]]:
    """Yield all objects with a type, at any depth: sequences hold steps, and steps may hold others."""
    if depth > _MAX_DEPTH:
        raise ArtifactError(f"{source} is nested too deeply")
    if isinstance(node, dict):
        if "type" in node:
            yield node
        for value in node.values():
            yield from _steps(value, source, depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from _steps(value, source, depth + 1)


def _growth(step: dict[str, Any]) -> float:
    """Return how many times as long a text can become by one step; 1 for all but replacements and prefixes."""
    if step.get("type") == "Prepend":
        return 1.0 + len(str(step.get("prepend", "")))
    if step.get("type") != "Replace":
        return 1.0
    content = len(str(step.get("content", "")))
    pattern = step.get("pattern")
    literal = pattern.get("String") if isinstance(pattern, dict) else None
    if isinstance(literal, str) and literal:
        return max(1.0, content / len(literal))
    # A regular expression, or an empty text, may match before every character.
    return 1.0 + content

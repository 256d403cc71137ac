"""A model's folder stands for itself: what the manifest says of length and decision, where other readers look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ackd_deploy.artifact.config import THRESHOLDS
from ackd_deploy.files import read_json, write_json, write_text

__all__ = ["settle_length", "settle_thresholds"]

# Settings of an earlier use that transformers would put above the length, or above padding to the longest text.
_STALE = ("max_length", "max_len", "pad_to_multiple_of", "padding", "stride", "truncation_strategy", "truncation")


def settle_length(folder: Path, max_length: int) -> None:
    """Let tokenizer.json truncate to ``max_length`` and pad nothing, and tokenizer_config.json say so, in place.

    A checkpoint often has the length and the padding of its own training there, and every reader would follow those.
    """
    path = folder / "tokenizer.json"
    content = read_json(path)
    settled = {
        "truncation": {"direction": "Right", "max_length": max_length, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
    }
    if {name: content.get(name) for name in settled} != settled:
        write_text(path, json.dumps(content | settled, ensure_ascii=False, indent=2))
    config_path = folder / "tokenizer_config.json"
    config: dict[str, Any] = read_json(config_path) if config_path.is_file() else {}
    kept = {name: value for name, value in config.items() if name not in _STALE}
    if isinstance(padding := content.get("padding"), dict):
        # transformers takes the padding token from there too, where nothing else names it.
        kept.setdefault("pad_token", padding["pad_token"])
    write_json(config_path, kept | {"model_max_length": max_length})


def settle_thresholds(folder: Path, thresholds: Mapping[str, float] | None) -> None:
    """Write decision thresholds by label into config.json, in place, or remove those of an earlier use."""
    path = folder / "config.json"
    content: dict[str, Any] = read_json(path)
    kept = {name: value for name, value in content.items() if name != THRESHOLDS}
    if thresholds is not None:
        kept[THRESHOLDS] = dict(thresholds)
    if kept != content:
        write_json(path, kept)

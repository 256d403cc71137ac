"""Whether two models read the same tokens, told from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ackd_deploy.data.tokenizer import TokenizerFile
from ackd_deploy.files import read_json

__all__ = ["same_tokens"]


def same_tokens(one: Path, other: Path) -> bool:
    """Tell whether two folders with tokenizer.json give models the same inputs: one vocabulary, one use of token types.

    Where a model is at hand, its config.json says whether it has token types: DistilBERT shares BERT's vocabulary, and
    has none.
    """
    if _vocabulary(one) != _vocabulary(other):
        return False
    return TokenizerFile(one).has_token_types == TokenizerFile(other).has_token_types


def _vocabulary(folder: Path) -> Any:
    return read_json(folder / "tokenizer.json")["model"].get("vocab")

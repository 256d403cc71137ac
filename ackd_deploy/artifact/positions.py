"""How many tokens a model has positions for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["text_positions"]

# RoBERTa and its kin number positions from pad_token_id + 1, so that the first rows of their table are never used.
_AFTER_PADDING = frozenset(
    {
        "camembert",
        "data2vec-text",
        "ibert",
        "longformer",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
# What transformers takes as the padding id of these families where a configuration names none.
_PADDING = 1
# MPNet does the same with the padding id 1, whatever the configuration says.
_AFTER_ONE = frozenset({"mpnet"})


def text_positions(config: Mapping[str, Any]) -> int | None:
    """Return the most tokens of a text, special ones included, by a Hugging Face configuration.

    None where it has no table of positions: ``max_position_embeddings`` is absent, or -1 as some models write.

    >>> text_positions({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1})
    512
    """
    size = config.get("max_position_embeddings")
    if type(size) is not int or size < 1:
        return None
    family, padding = str(config.get("model_type")), config.get("pad_token_id")
    if family in _AFTER_ONE:
        return size - 2
    if family in _AFTER_PADDING:
        return size - 1 - (padding if type(padding) is int else _PADDING)
    return size

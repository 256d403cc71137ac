"""A tokenizer's files in a form that transformers 4.57 and 5 both read; tokenizer.json is the same for both."""

from __future__ import annotations

from pathlib import Path

from ackd_deploy.files import read_json, write_json, write_text

__all__ = ["TOKENIZER_FILES", "settle_tokenizer"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")

# The generic tokenizer class has a new name since transformers 5, which 4.57 refuses; 5 knows both names.
_SINCE_5, _GENERIC = "TokenizersBackend", "PreTrainedTokenizerFast"


def settle_tokenizer(folder: Path, *, token_types: bool) -> None:
    """Complete and correct a folder with tokenizer.json, in place.

    Args:
        folder: holds tokenizer.json and the other `TOKENIZER_FILES` as either version wrote them.
        token_types: whether the model has different token types for the two texts of a pair.
    """
    _write_vocabulary(folder)
    path = folder / "tokenizer_config.json"
    config = read_json(path) if path.is_file() else {"model_max_length": 512}
    if config.get("tokenizer_class") == _SINCE_5:
        config["tokenizer_class"] = _GENERIC
    if config.get("tokenizer_class") == _GENERIC and token_types:
        # 4.57 returns token types by default, 5 does not; without them the model cannot distinguish a pair's texts.
        config.setdefault("model_input_names", ["input_ids", "token_type_ids", "attention_mask"])
    if isinstance(config.get("extra_special_tokens"), list):
        # 4.57 expects a mapping under this name, and stops with an AttributeError.
        config.setdefault("additional_special_tokens", config.pop("extra_special_tokens"))
    write_json(path, config)


def _write_vocabulary(folder: Path) -> None:
    # transformers 5 writes no vocab.txt, which other readers of WordPiece tokenizers look for.
    model = read_json(folder / "tokenizer.json")["model"]
    if model.get("type", "WordPiece") == "WordPiece" and not (folder / "vocab.txt").exists():
        words = sorted(model["vocab"].items(), key=lambda item: item[1])
        write_text(folder / "vocab.txt", "".join(f"{word}\n" for word, _ in words))

"""The tokenizer of a model folder, as far as tokenizing a data set needs it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ackd_deploy.artifact.positions import text_positions
from ackd_deploy.artifact.tokenizer_file import read_tokenizer, rust_errors
from ackd_deploy.errors import ArtifactError, DataError
from ackd_deploy.files import read_json
from ackd_deploy.tasks.text import Text

__all__ = ["TokenizerFile"]

_CHUNK = 2048


class TokenizerFile:
    """tokenizer.json with what the files beside it say about padding and token types.

    Raises:
        DataError: the folder holds no tokenizer.json, or one that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "tokenizer.json"
        if not self.path.is_file():
            raise DataError(
                f"{folder} holds no tokenizer.json",
                hint="save it with a fast tokenizer: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)",
            )
        try:
            self._content = read_tokenizer(self.path)
            with rust_errors(f"{self.path} cannot be read as a tokenizer"):
                self._tokenizer = Tokenizer.from_str(self._content)
        except ArtifactError as error:
            # The file was given by the user, not written by this tool.
            raise DataError(error.message) from error

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides the encoded arrays, in hexadecimal."""
        facts = json.dumps([self._content, self.pad_id, self.has_token_types])
        return hashlib.sha256(facts.encode()).hexdigest()

    @cached_property
    def pad_id(self) -> int:
        """The id of the padding token.

        Raises:
            DataError: the tokenizer names none.
        """
        own = self._tokenizer.padding
        if own is not None:
            return int(own["pad_id"])
        names = [self._json(name).get("pad_token") for name in ("tokenizer_config.json", "special_tokens_map.json")]
        for name in (*names, "[PAD]", "<pad>"):
            token = name.get("content") if isinstance(name, dict) else name
            found = self._tokenizer.token_to_id(token) if isinstance(token, str) else None
            if found is not None:
                return int(found)
        configured = self._json("config.json").get("pad_token_id")
        if isinstance(configured, int):
            return configured
        raise DataError(f"{self.folder}: the tokenizer has no padding token", hint="a BERT-type tokenizer is expected")

    @cached_property
    def has_token_types(self) -> bool:
        """Whether the model tells a first text from a second by ``token_type_ids``.

        The model's config decides: DistilBERT shares BERT's tokenizer and has no such input, RoBERTa's single
        type says nothing. Without a config the tokenizer's own list of inputs does, and last its class.
        """
        config = self._json("config.json")
        if "model_type" in config:
            types = config.get("type_vocab_size", 0)
            return isinstance(types, int) and types > 1
        settings = self._json("tokenizer_config.json")
        inputs = settings.get("model_input_names")
        if isinstance(inputs, list):
            return "token_type_ids" in inputs
        kind = str(settings.get("tokenizer_class", "")).removesuffix("Fast").removesuffix("Tokenizer")
        return kind in {"", "Bert", "Electra", "MobileBert", "Albert", "ConvBert", "Deberta", "DebertaV2"}

    @cached_property
    def _vocabulary(self) -> int | None:
        size = self._json("config.json").get("vocab_size")
        return size if isinstance(size, int) else None

    def check_vocabulary(self, embeddings: int) -> None:
        """Refuse a tokenizer with tokens that a model has no embedding for, whether or not a text holds them.

        Args:
            embeddings: ``vocab_size`` of the model's config.

        Raises:
            DataError: a token's id is not below it.
        """
        token, largest = max(self._tokenizer.get_vocab(True).items(), key=lambda item: item[1], default=("", -1))
        if largest >= embeddings:
            raise DataError(
                f"{self.folder}: the tokenizer has id {largest} ({token!r:.60}), the model {embeddings} embeddings",
                hint="after add_tokens a model needs resize_token_embeddings; save both into the same folder then",
            )

    def check_ids(self, ids: npt.NDArray[np.int32]) -> None:
        """Refuse ids that the model has no embedding for.

        Raises:
            DataError: an id is not below the config's ``vocab_size``.
        """
        if self._vocabulary is not None and ids.size and int(ids.max()) >= self._vocabulary:
            raise DataError(
                f"{self.folder}: the tokenizer gives id {int(ids.max())}, the model has {self._vocabulary} embeddings",
                hint="tokenizer and model do not belong together",
            )

    def count(self, texts: Sequence[Text]) -> list[int]:
        """Return how many tokens each text (or pair) has, special tokens included and nothing cut."""
        tokenizer = Tokenizer.from_str(self._content)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        found: list[int] = []
        for start in range(0, len(texts), _CHUNK):
            found += [
                len(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts[start : start + _CHUNK]))
            ]
        return found

    def load(self, max_length: int) -> Tokenizer:
        """Return a tokenizer for rows of ``max_length`` tokens; it neither truncates nor pads, see `tasks.long_texts`.

        Raises:
            DataError: ``max_length`` leaves no room for text beside the special tokens, or is more than the model has
                positions for.
        """
        positions = text_positions(self._json("config.json"))
        if positions is not None and max_length > positions:
            raise DataError(
                f"data.max_length is {max_length}, and the model in {self.folder} has {positions} positions",
                hint=f"--set data.max_length={positions}, or less",
            )
        special = self._tokenizer.num_special_tokens_to_add(True)
        if max_length <= special:
            raise DataError(
                f"data.max_length {max_length} leaves no room beside {special} special tokens",
                hint="--set data.max_length=64 is ordinary for sentences",
            )
        tokenizer = Tokenizer.from_str(self._content)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            content = read_json(path)
        except ArtifactError as error:
            raise DataError(error.message) from error
        return content if isinstance(content, dict) else {}

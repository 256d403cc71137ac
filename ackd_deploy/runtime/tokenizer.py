"""Text to token ids, by the Rust tokenizer alone, safe for any number of threads.

transformers' fast tokenizers rewrite truncation and padding on the shared Rust object at every call, and
fail under threads ("Already borrowed"). Here both are set once, when the file is read, and nothing
touches the object afterwards; cutting is `tasks.cut`'s, padding numpy's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ackd_deploy.artifact.tokenizer_file import read_tokenizer, rust_errors
from ackd_deploy.errors import ArtifactError, DataError
from ackd_deploy.runtime.cpu import effective_cpus
from ackd_deploy.tasks.cut import portions
from ackd_deploy.tasks.long_texts import LongTextRule, windows_of
from ackd_deploy.tasks.text import Text

__all__ = ["TextTokenizer", "Tokens", "pad", "windows_by_row"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text, or pair of texts, as the model will see it.

    ``ids`` and ``type_ids`` have at most max_length entries; ``num_tokens`` counts those of the whole
    text, special tokens included. A long text that is read in windows is its first one here, with the others in
    ``more``; ``more_tokens`` counts the tokens that only those hold.
    """

    ids: list[int]
    type_ids: list[int]
    num_tokens: int
    more: tuple[Tokens, ...] = ()
    more_tokens: int = 0

    @property
    def used_tokens(self) -> int:
        """Tokens that the model sees, each counted once."""
        return len(self.ids) + self.more_tokens

    @property
    def truncated(self) -> bool:
        """Whether the model sees less than the whole text."""
        return self.num_tokens > self.used_tokens

    @property
    def windows(self) -> tuple[Tokens, ...]:
        """Its windows, each by itself; one for most texts."""
        return (replace(self, more=(), more_tokens=0), *self.more) if self.more else (self,)


class TextTokenizer:
    """A tokenizer whose settings were made once.

    Args:
        path: ``tokenizer.json``.
        max_length: tokens that the model reads at once, special ones included.
        rule: what is read of a longer text; None: its beginning, where of a pair the longer one is shortened first.

    Raises:
        ArtifactError: the file is no tokenizer, or max_length leaves no room for text.
    """

    def __init__(self, path: Path, max_length: int, rule: LongTextRule | None = None) -> None:
        # Rust's thread pool counts the machine's processors, not those that the cgroup grants.
        os.environ.setdefault("RAYON_NUM_THREADS", str(effective_cpus()))
        self._tokenizer = _read(path)
        if max_length <= self._tokenizer.num_special_tokens_to_add(True):
            raise ArtifactError(f"max_length {max_length} leaves no room beside the special tokens of {path}")
        self.max_length = max_length
        self.rule = rule
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocabulary_size = len(vocabulary)
        self.largest_id = max(vocabulary.values(), default=-1)

    def encode(self, texts: Sequence[Text]) -> list[Tokens]:
        """Tokenize texts and pairs, in any mixture; no padding.

        Raises:
            DataError: an entry is no text, or holds a lone surrogate, which has no meaning in UTF-8.
            ArtifactError: the tokenizer contradicts itself, such as one without its own unknown token.
        """
        for position, text in enumerate(texts):
            _check(text, position)
        rows: list[Tokens] = []
        for portion in portions(texts, len(texts)):
            encodings = self._encode(list(texts[portion]))
            rows += [self._tokens(encoding) for encoding in encodings]
        return rows

    def _tokens(self, encoding: Any) -> Tokens:
        windows, used = windows_of(encoding, self.max_length, self.rule)
        first, *others = (Tokens(window.ids, window.type_ids, len(encoding)) for window in windows)
        return replace(first, more=tuple(others), more_tokens=used - len(first.ids)) if others else first

    def _encode(self, texts: list[Any]) -> list[Any]:
        # The texts were checked: what can be wrong is a tokenizer that contradicts itself.
        with rust_errors("the tokenizer fails"):
            encodings: list[Any] = self._tokenizer.encode_batch_fast(texts)
        return encodings


def windows_by_row(rows: Sequence[Tokens]) -> tuple[list[Tokens], list[int]]:
    """Return the windows of all rows, in order, and how many each row has; `mean_by_row` is the way back."""
    windows = [row.windows for row in rows]
    return [window for row in windows for window in row], [len(row) for row in windows]


def pad(rows: Sequence[Tokens], pad_id: int, inputs: Sequence[str]) -> dict[str, npt.NDArray[np.int64]]:
    """Return the named inputs, each [B, T] int64, padded on the right to the longest of the rows.

    Names that a graph does not take are left out: DistilBERT's has no ``token_type_ids``.
    """
    shape = (len(rows), max(len(row.ids) for row in rows))
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = row.ids
        mask[index, : len(row.ids)] = 1
    arrays = {"input_ids": ids, "attention_mask": mask}
    if "token_type_ids" in inputs:
        types = np.zeros(shape, dtype=np.int64)
        for index, row in enumerate(rows):
            types[index, : len(row.type_ids)] = row.type_ids
        arrays["token_type_ids"] = types
    return {name: arrays[name] for name in inputs}


def _read(path: Path) -> Tokenizer:
    content = read_tokenizer(path)
    with rust_errors(f"{path} is not a tokenizer"):
        return Tokenizer.from_str(content)


def _check(text: object, position: int) -> None:
    parts = text if isinstance(text, tuple) and len(text) == 2 else (text,)
    for part in parts:
        if not isinstance(part, str):
            raise DataError(f"text {position} is neither a string nor a pair of strings")
        try:
            part.encode()
        except UnicodeEncodeError:
            raise DataError(f"text {position} holds a lone surrogate, which is not Unicode text") from None

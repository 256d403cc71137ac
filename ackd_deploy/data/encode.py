"""Texts to token ids on disk: ragged arrays, written in a stream, whole or absent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from ackd_deploy.artifact.tokenizer_file import rust_errors
from ackd_deploy.console import progress, warn
from ackd_deploy.data.encoded import MANIFEST, Encoded, open_encoded
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.npy import NpyWriter
from ackd_deploy.data.tokenizer import TokenizerFile
from ackd_deploy.errors import ArtifactError, DataError
from ackd_deploy.files import atomic_folder, remove_leftovers, restore_folder, sha256_file, write_json
from ackd_deploy.locking import exclusive
from ackd_deploy.tasks.cut import portions
from ackd_deploy.tasks.long_texts import LongTextRule, windows_of
from ackd_deploy.tasks.text import zipped

__all__ = ["encode_rows"]

_FORMAT = 1
_CHUNK = 2048


def encode_rows(
    rows: LabeledTexts,
    tokenizer_folder: Path,
    max_length: int,
    cache_folder: Path,
    rule: LongTextRule | None = None,
) -> Encoded:
    """Tokenize ``rows``, or open what an earlier call wrote for the same data, tokenizer, ``max_length`` and rule.

    The result lies in ``cache_folder / KEY``, whole or absent; two processes that ask for it at once write it
    once. A copy that fails its checksums is written anew, with a warning.

    Args:
        rows: N checked rows.
        tokenizer_folder: holds tokenizer.json, and config.json where the model's is at hand.
        max_length: most tokens of a row, or of a window of it, special tokens included.
        cache_folder: folder for all encoded data of a run.
        rule: how longer texts are read; None: their end is cut off.

    Raises:
        DataError: the folder has no usable tokenizer, or its ids don't fit the model's vocabulary.
    """
    source = TokenizerFile(tokenizer_folder)
    key = _key(rows, source, max_length, rule)
    final = cache_folder / key[:20]
    with exclusive(cache_folder / f".lock-{key[:20]}"):
        restore_folder(final)
        if final.exists():
            try:
                return open_encoded(final, key)
            except ArtifactError as error:
                warn(f"the tokenized data is damaged and is made anew: {error}")
        remove_leftovers(cache_folder)
        with atomic_folder(final) as folder:
            _write(folder, rows, source, max_length, key, rule)
        return open_encoded(final, key)


def _key(rows: LabeledTexts, source: TokenizerFile, max_length: int, rule: LongTextRule | None) -> str:
    parts = [str(_FORMAT), rows.fingerprint, source.fingerprint, str(max_length)]
    parts += [] if rule is None else [rule.model_dump_json()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _write(
    folder: Path, rows: LabeledTexts, source: TokenizerFile, max_length: int, key: str, rule: LongTextRule | None
) -> None:
    tokenizer = source.load(max_length)
    types = NpyWriter(folder / "types.npy", np.int8) if rows.pairs is not None and source.has_token_types else None
    lengths: list[int] = []
    counts = np.ones(len(rows), dtype=np.int32)
    truncated = np.zeros(len(rows), dtype=np.bool_)
    with (
        NpyWriter(folder / "ids.npy", np.int32) as ids,
        progress("tokenize", len(rows)) as advance,
    ):
        for start, encodings in _encodings(tokenizer, rows):
            chunk: list[int] = []
            chunk_types: list[int] = []
            for position, encoding in enumerate(encodings, start):
                windows, used = windows_of(encoding, max_length, rule)
                truncated[position] = len(encoding) > used
                counts[position] = len(windows)
                for window in windows:
                    lengths.append(len(window.ids))
                    chunk += window.ids
                    chunk_types += window.type_ids
            array = np.array(chunk, dtype=np.int32)
            source.check_ids(array)
            ids.append(array)
            if types is not None:
                types.append(np.array(chunk_types, dtype=np.int8))
            advance(len(encodings))
    if types is not None:
        types.close()
    np.save(folder / "labels.npy", rows.labels)
    if rows.soft is not None:
        np.save(folder / "soft.npy", rows.soft)
    np.save(folder / "lengths.npy", np.array(lengths, dtype=np.int32))
    if rule is not None and rule.mode == "windows":
        np.save(folder / "windows.npy", counts)
    np.save(folder / "truncated.npy", truncated)
    manifest = {
        "format": _FORMAT,
        "key": key,
        "label_names": list(rows.label_names),
        "problem_type": rows.problem_type,
        "has_token_types": source.has_token_types,
        "max_length": max_length,
        "pad_id": source.pad_id,
        "files": {path.name: sha256_file(path) for path in sorted(folder.glob("*.npy"))},
    }
    write_json(folder / MANIFEST, manifest)


def _encodings(tokenizer: Tokenizer, rows: LabeledTexts) -> Iterator[tuple[int, list[Any]]]:
    texts: list[Any] = zipped(rows.texts, rows.pairs)
    for portion in portions(texts, _CHUNK):
        # Offsets aren't wanted, and the fast variant doesn't compute them.
        try:
            with rust_errors("the tokenizer fails"):
                encodings = tokenizer.encode_batch_fast(texts[portion])
        except ArtifactError as error:
            raise DataError(error.message) from error
        yield portion.start, encodings

"""Texts to token ids on disk: ragged arrays, memory-mapped, written in a stream and checked by checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ackd_deploy.console import progress, warn
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.npy import NpyWriter
from ackd_deploy.data.tokenizer import TokenizerFile
from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import atomic_folder, read_json, remove_leftovers, restore_folder, sha256_file, write_json
from ackd_deploy.locking import exclusive
from ackd_deploy.tasks import Task, task_of
from ackd_deploy.tasks.text import zipped

__all__ = ["Encoded", "encode_rows"]

_FORMAT = 1
_CHUNK = 2048
_MANIFEST = "manifest.json"


class Encoded:
    """Tokenized rows; token ids stay on disk and are mapped.

    Attributes:
        lengths: [N] int32, tokens of each row, special tokens included, after truncation.
        truncated: [N] bool, whether the row lost tokens to ``max_length``.
        labels: as in `LabeledTexts`.
        label_names: [C] names.
        problem_type: as in `LabeledTexts`.
        fingerprint: SHA-256 of data, tokenizer and ``max_length`` together, in hexadecimal.
        has_token_types: whether batches hold ``token_type_ids``.
        max_length: the bound that rows were truncated to.
        pad_id: the id that `batch` pads with.
        starts: [N + 1] int64, where each row begins in ``ids``.
        ids: [total tokens] int32, mapped.
        types: [total tokens] int8 token types, mapped; None where all are 0.
        folder: where the arrays lie.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.fingerprint: str = manifest["key"]
        self.label_names: tuple[str, ...] = tuple(manifest["label_names"])
        self.problem_type: str = manifest["problem_type"]
        self.has_token_types: bool = manifest["has_token_types"]
        self.max_length: int = manifest["max_length"]
        self.pad_id: int = manifest["pad_id"]
        self.labels: npt.NDArray[Any] = np.load(folder / "labels.npy", allow_pickle=False)
        self.lengths: npt.NDArray[np.int32] = np.load(folder / "lengths.npy", allow_pickle=False)
        self.truncated: npt.NDArray[np.bool_] = np.load(folder / "truncated.npy", allow_pickle=False)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])
        self.ids = _mapped(folder / "ids.npy")
        types = folder / "types.npy"
        self.types = _mapped(types) if types.exists() else None

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def task(self) -> Task:
        """The task of the problem type."""
        return task_of(self.problem_type)

    @property
    def total_tokens(self) -> int:
        """Tokens of all rows together."""
        return int(self.starts[-1])

    def row(self, index: int) -> npt.NDArray[np.int32]:
        """Return the token ids of one row, [T] int32."""
        return np.array(self.ids[self.starts[index] : self.starts[index + 1]])

    def batch(self, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> dict[str, npt.NDArray[np.int64]]:
        """Return rows padded to the longest of them.

        Returns:
            ``input_ids``, ``attention_mask`` and, with `has_token_types`, ``token_type_ids``; each [B, T] int64.
        """
        rows = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[rows].astype(np.int64)
        positions = np.arange(lengths.max(initial=0))
        mask = positions < lengths[:, None]
        where = (self.starts[rows][:, None] + positions)[mask]
        ids = np.full(mask.shape, self.pad_id, dtype=np.int64)
        ids[mask] = self.ids[where]
        batch = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
        if self.has_token_types:
            types = np.zeros(mask.shape, dtype=np.int64)
            if self.types is not None:
                types[mask] = self.types[where]
            batch["token_type_ids"] = types
        return batch


def encode_rows(rows: LabeledTexts, tokenizer_folder: Path, max_length: int, cache_folder: Path) -> Encoded:
    """Tokenize ``rows``, or open what an earlier call wrote for the same data, tokenizer and ``max_length``.

    The result lies in ``cache_folder / KEY``, whole or absent; two processes that ask for it at once write it
    once. A copy that fails its checksums is written anew, with a warning.

    Args:
        rows: N checked rows.
        tokenizer_folder: holds tokenizer.json, and config.json where the model's is at hand.
        max_length: most tokens of a row, special tokens included.
        cache_folder: folder for all encoded data of a run.

    Raises:
        DataError: the folder has no usable tokenizer, or its ids don't fit the model's vocabulary.
    """
    source = TokenizerFile(tokenizer_folder)
    key = _key(rows, source, max_length)
    final = cache_folder / key[:20]
    with exclusive(cache_folder / f".lock-{key[:20]}"):
        restore_folder(final)
        if final.exists():
            try:
                return _open(final, key)
            except ArtifactError as error:
                warn(f"the tokenized data is damaged and is made anew: {error}")
        remove_leftovers(cache_folder)
        with atomic_folder(final) as folder:
            _write(folder, rows, source, max_length, key)
        return _open(final, key)


def _key(rows: LabeledTexts, source: TokenizerFile, max_length: int) -> str:
    parts = [str(_FORMAT), rows.fingerprint, source.fingerprint, str(max_length)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _open(folder: Path, key: str) -> Encoded:
    """Open a written folder after checking every file.

    Raises:
        ArtifactError: a file is missing, damaged or of something else.
    """
    manifest = read_json(folder / _MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("key") != key or not isinstance(manifest.get("files"), dict):
        raise ArtifactError(f"{folder / _MANIFEST} belongs to other data")
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != expected:
            raise ArtifactError(f"{path} is missing or fails its checksum")
    return Encoded(folder, manifest)


def _write(folder: Path, rows: LabeledTexts, source: TokenizerFile, max_length: int, key: str) -> None:
    tokenizer = source.load(max_length)
    types = NpyWriter(folder / "types.npy", np.int8) if rows.pairs is not None and source.has_token_types else None
    lengths = np.zeros(len(rows), dtype=np.int32)
    truncated = np.zeros(len(rows), dtype=np.bool_)
    with (
        NpyWriter(folder / "ids.npy", np.int32) as ids,
        progress("tokenize", len(rows)) as advance,
    ):
        for start, encodings in _encodings(tokenizer, rows):
            for position, encoding in enumerate(encodings, start):
                lengths[position] = len(encoding.ids)
                truncated[position] = bool(encoding.overflowing)
            chunk = np.array([token for encoding in encodings for token in encoding.ids], dtype=np.int32)
            source.check_ids(chunk)
            ids.append(chunk)
            if types is not None:
                types.append(np.array([t for encoding in encodings for t in encoding.type_ids], dtype=np.int8))
            advance(len(encodings))
    if types is not None:
        types.close()
    np.save(folder / "labels.npy", rows.labels)
    np.save(folder / "lengths.npy", lengths)
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
    write_json(folder / _MANIFEST, manifest)


def _encodings(tokenizer: Tokenizer, rows: LabeledTexts) -> Iterator[tuple[int, list[Any]]]:
    for start in range(0, len(rows), _CHUNK):
        stop = start + _CHUNK
        texts: list[Any] = zipped(rows.texts[start:stop], None if rows.pairs is None else rows.pairs[start:stop])
        # Offsets aren't wanted, and the fast variant doesn't compute them.
        yield start, tokenizer.encode_batch_fast(texts)


def _mapped(path: Path) -> npt.NDArray[Any]:
    try:
        mapped: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        # An empty array cannot be mapped.
        mapped = np.load(path, allow_pickle=False)
        if mapped.size:
            raise ArtifactError(f"{path} cannot be mapped: {error}") from error
    return mapped

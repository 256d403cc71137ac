"""Tokenized texts on disk: memory-mapped, and checked by checksum when they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import read_json, sha256_file
from ackd_deploy.tasks import Task, task_of

__all__ = ["MANIFEST", "Encoded", "open_encoded"]

MANIFEST = "manifest.json"


class Encoded:
    """Tokenized rows; token ids stay on disk and are mapped.

    Attributes:
        lengths: [N] int32, tokens that the model reads of each row, special tokens included, over all its windows.
        truncated: [N] bool, whether the row lost tokens to ``max_length``.
        labels: as in `LabeledTexts`.
        soft: [N, C] soft labels, as in `LabeledTexts`, or None.
        label_names: [C] names.
        problem_type: as in `LabeledTexts`.
        fingerprint: SHA-256 of data, tokenizer and ``max_length`` together, in hexadecimal.
        has_token_types: whether batches hold ``token_type_ids``.
        max_length: the bound that rows were truncated to.
        pad_id: the id that `batch` pads with.
        window_lengths: [W] int32, tokens of each window; ``lengths`` itself where every row is one window.
        first_windows: [N + 1] int64, number of each row's first window; None where every row is one window.
        starts: [W + 1] int64, where each window begins in ``ids``.
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
        self.window_lengths: npt.NDArray[np.int32] = np.load(folder / "lengths.npy", allow_pickle=False)
        self.truncated: npt.NDArray[np.bool_] = np.load(folder / "truncated.npy", allow_pickle=False)
        soft = folder / "soft.npy"
        self.soft: npt.NDArray[np.float32] | None = np.load(soft, allow_pickle=False) if soft.exists() else None
        self.starts = np.concatenate([[0], np.cumsum(self.window_lengths, dtype=np.int64)])
        self.first_windows: npt.NDArray[np.int64] | None = None
        self.lengths = self.window_lengths
        if (windows := folder / "windows.npy").exists():
            self.first_windows = np.concatenate([[0], np.cumsum(np.load(windows, allow_pickle=False), dtype=np.int64)])
            self.lengths = np.diff(self.starts[self.first_windows]).astype(np.int32)
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

    def most_tokens(self, rows: int) -> int | None:
        """Return how many tokens a batch of so many rows may have where rows differ in windows; else None."""
        return None if self.first_windows is None else rows * self.max_length

    def row(self, index: int) -> npt.NDArray[np.int32]:
        """Return the token ids of one row, [T] int32, window after window."""
        starts = self.starts if self.first_windows is None else self.starts[self.first_windows]
        return np.array(self.ids[starts[index] : starts[index + 1]])

    def windows(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        """Return the windows of [B] rows, [V], and of each the place of its row in ``rows``.

        The second is None where every row is one window: row and window have the same number then.
        """
        if self.first_windows is None:
            return rows, None
        firsts = self.first_windows[rows]
        counts = self.first_windows[rows + 1] - firsts
        owners = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        return firsts[owners] + within, owners

    def batch(self, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> dict[str, npt.NDArray[np.int64]]:
        """Return rows padded to the longest of them; of rows with several windows each of these, in order.

        Returns:
            ``input_ids``, ``attention_mask`` and, with `has_token_types`, ``token_type_ids``; each [V, T] int64.
        """
        rows, _ = self.windows(np.asarray(indices, dtype=np.int64))
        lengths = self.window_lengths[rows].astype(np.int64)
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


def open_encoded(folder: Path, key: str) -> Encoded:
    """Open a written folder after checking every file.

    Raises:
        ArtifactError: a file is missing, damaged or of something else.
    """
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("key") != key or not isinstance(manifest.get("files"), dict):
        raise ArtifactError(f"{folder / MANIFEST} belongs to other data")
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != expected:
            raise ArtifactError(f"{path} is missing or fails its checksum")
    return Encoded(folder, manifest)


def _mapped(path: Path) -> npt.NDArray[Any]:
    try:
        mapped: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        # An empty array cannot be mapped.
        mapped = np.load(path, allow_pickle=False)
        if mapped.size:
            raise ArtifactError(f"{path} cannot be mapped: {error}") from error
    return mapped

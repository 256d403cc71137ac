"""Labeled text in memory: what every source of data is turned into."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.tasks import Task, task_of
from ackd_deploy.tasks.text import Text, zipped

__all__ = ["LabeledTexts"]


@dataclass(frozen=True, eq=False)
class LabeledTexts:
    """Texts with their labels, checked and aligned by name.

    Attributes:
        texts: [N] strings, none empty.
        pairs: [N] second texts, or None where the task has one text.
        labels: [N] int64 class ids for single-label classification; [N] float32 targets for regression;
            [N, C] float32 zeros and ones for multi-label classification. A row without a label, of
            ``data.unlabeled`` or with soft labels alone, is marked as `unlabeled.has_label` says.
        soft: [N, C] float32 probabilities from ``data.soft_labels``, NaN in rows that have none; None where no row has
            any. A row that has them may have no label.
        label_names: [C] names, index to name; ``("score",)`` for regression.
        problem_type: as Hugging Face's ``config.problem_type`` names it.
    """

    texts: list[str]
    pairs: list[str] | None
    labels: npt.NDArray[Any]
    label_names: tuple[str, ...]
    problem_type: str
    soft: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def items(self) -> list[Text]:
        """The texts, or pairs of texts, as tokenizers take them."""
        return zipped(self.texts, self.pairs)

    @property
    def task(self) -> Task:
        """The task of the problem type."""
        return task_of(self.problem_type)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over texts, pairs, labels, soft labels, label names and problem type, in hexadecimal."""
        digest = hashlib.sha256(b"ackd rows 1\0")
        _add_strings(digest, [self.problem_type, *self.label_names])
        _add_strings(digest, self.texts)
        if self.pairs is not None:
            _add_strings(digest, self.pairs)
        labels = np.ascontiguousarray(self.labels)
        digest.update(f"{labels.dtype.str}{labels.shape}".encode())
        digest.update(labels.tobytes())
        if self.soft is not None:
            digest.update(b"soft")
            digest.update(np.ascontiguousarray(self.soft).tobytes())
        return digest.hexdigest()

    def take(self, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> LabeledTexts:
        """Return the rows at ``indices``, in that order."""
        chosen = np.asarray(indices, dtype=np.int64)
        return LabeledTexts(
            texts=[self.texts[i] for i in chosen],
            pairs=None if self.pairs is None else [self.pairs[i] for i in chosen],
            labels=self.labels[chosen],
            label_names=self.label_names,
            problem_type=self.problem_type,
            soft=None if self.soft is None else self.soft[chosen],
        )


def _add_strings(digest: Any, strings: Iterable[str]) -> None:
    # Each string goes in with its length: ("ab", "c") and ("a", "bc") are different data.
    for string in strings:
        # JSON can spell lone surrogates, which UTF-8 cannot; they still need a fingerprint.
        content = string.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    digest.update(b"end")

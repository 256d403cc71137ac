"""The student or teacher in PyTorch with its own Hugging Face tokenizer: what every variant is compared with."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ackd_deploy.errors import DataError, first_line
from ackd_deploy.models.classifiers import load_for_inference, quiet_transformers
from ackd_deploy.tasks.text import Text, parts, split

__all__ = ["TorchClassifier"]


class TorchClassifier:
    """A Hugging Face folder as a function from texts to logits, as one would write it by hand.

    It shares no code with the runtime, the tokenizer's calling included: a fault there shows as a difference.
    """

    def __init__(self, folder: Path, max_length: int, threads: int | None = None) -> None:
        import torch
        from transformers import AutoTokenizer

        if threads is not None:
            torch.set_num_threads(threads)
        self._model = load_for_inference(folder)
        try:
            with quiet_transformers():
                self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise DataError(f"the tokenizer in {folder} cannot be loaded: {first_line(error)}") from error
        # A tokenizer may give more than the model takes: DistilBERT saved with BertTokenizer has no token types.
        self._inputs = tuple(inspect.signature(self._model.forward).parameters)
        self._max_length = max_length
        labels = self._model.config.id2label
        self.labels: tuple[str, ...] = tuple(labels[index] for index in sorted(labels))

    def logits(self, texts: Sequence[Text], batch_size: int = 32) -> npt.NDArray[np.float32]:
        """Return logits [N, C]; batches of like length, padded to their longest row."""
        import torch

        order = sorted(range(len(texts)), key=lambda i: sum(map(len, parts(texts[i]))), reverse=True)
        result: npt.NDArray[np.float32] | None = None
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                batch = [texts[i] for i in chosen]
                firsts = [split(text)[0] for text in batch]
                seconds = [second for _, second in map(split, batch) if second is not None]
                feed = self._tokenizer(
                    firsts,
                    seconds or None,
                    padding=True,
                    truncation=True,
                    max_length=self._max_length,
                    return_tensors="pt",
                )
                logits = self._model(**{name: feed[name] for name in self._inputs if name in feed}).logits.numpy()
                if result is None:
                    result = np.empty((len(texts), logits.shape[1]), dtype=np.float32)
                result[chosen] = logits
        return result if result is not None else np.empty((0, len(self.labels)), dtype=np.float32)

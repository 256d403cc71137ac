"""The student or teacher in PyTorch with its own Hugging Face tokenizer: what every variant is compared with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.torch_windows import text_windows
from ackd_deploy.errors import DataError, first_line
from ackd_deploy.models.classifiers import load_for_inference, quiet_transformers
from ackd_deploy.tasks.long_texts import LongTextRule
from ackd_deploy.tasks.text import Text, parts, split

__all__ = ["TorchClassifier"]


class TorchClassifier:
    """A Hugging Face folder as a function from texts to logits, as one would write it by hand.

    It shares no code with the runtime, the tokenizer's calling included: a fault there shows as a difference.
    """

    def __init__(
        self, folder: Path, max_length: int, threads: int | None = None, *, rule: LongTextRule | None = None
    ) -> None:
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
        self._rule = rule
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
                logits = self._batch([texts[i] for i in chosen])
                if result is None:
                    result = np.empty((len(texts), logits.shape[1]), dtype=np.float32)
                result[chosen] = logits
        return result if result is not None else np.empty((0, len(self.labels)), dtype=np.float32)

    def _batch(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        if self._rule is not None:
            return self._long(texts, self._rule)
        firsts = [split(text)[0] for text in texts]
        seconds = [second for _, second in map(split, texts) if second is not None]
        feed = self._tokenizer(
            firsts,
            seconds or None,
            padding=True,
            truncation=True,
            max_length=self._max_length,
            return_tensors="pt",
        )
        return self._forward(feed)

    def _long(self, texts: Sequence[Text], rule: LongTextRule) -> npt.NDArray[np.float32]:
        import torch

        by_text = [text_windows(self._tokenizer, text, self._max_length, rule) for text in texts]
        windows = [window for group in by_text for window in group]
        fill = {"input_ids": self._tokenizer.pad_token_id}
        feed = {
            name: torch.nn.utils.rnn.pad_sequence(
                [torch.tensor(window[name]) for window in windows], batch_first=True, padding_value=fill.get(name, 0)
            )
            for name in windows[0]
        }
        ends = np.cumsum([len(group) for group in by_text])[:-1]
        return np.stack([group.mean(axis=0) for group in np.split(self._forward(feed), ends)])

    def _forward(self, feed: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self._model(
            **{name: feed[name] for name in self._inputs if name in feed}
        ).logits.numpy()
        return logits

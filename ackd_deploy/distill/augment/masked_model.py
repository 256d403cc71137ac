"""The BERT with a masked-language head that proposes words for a masked place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from tokenizers import Tokenizer

from ackd_deploy.data.batches import sorted_batches
from ackd_deploy.errors import DataError, first_line
from ackd_deploy.files import read_json
from ackd_deploy.models.classifiers import quiet_transformers
from ackd_deploy.training.device import autocast

__all__ = ["MaskedModel"]

_BATCH_ROWS = 64
_BATCH_TOKENS = 8192


class MaskedModel:
    """A checkpoint of BERT with its masked-language head and WordPiece tokenizer.

    Args:
        folder: Hugging Face layout, checked by `locate.locate_model`, with tokenizer.json.
        device: where to compute.
        dtype: of the matrix products.

    Raises:
        DataError: it is no BERT, has no masked-language head, or its tokenizer is no WordPiece.
    """

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self._device = device
        self._dtype = dtype
        self._model = _load(folder).to(device)
        self.tokenizer = _tokenizer(folder, int(self._model.config.max_position_embeddings))
        vocabulary = self.tokenizer.get_vocab(with_added_tokens=True)
        self.unknown = self.tokenizer.token_to_id("[UNK]")
        self._mask = self.tokenizer.token_to_id("[MASK]")
        self._words = {token_id: token for token, token_id in vocabulary.items()}
        special = {token_id for token_id, token in self.tokenizer.get_added_tokens_decoder().items() if token.special}
        allowed = torch.zeros(self._model.config.vocab_size, dtype=torch.bool)
        for token, token_id in vocabulary.items():
            # A piece of a word, a sign or a special token is no word to put in a word's place.
            allowed[token_id] = token.isalpha() and token_id not in special
        self._allowed = allowed.to(device)
        self._counted = int(allowed.sum())

    def candidates(self, masked: Sequence[tuple[Any, int]], top_k: int) -> list[list[str]]:
        """Return the most probable whole words for each masked place, without the word that stood there.

        Args:
            masked: encoding of a text, and the position that is masked in it.
            top_k: words for each place, at most.
        """
        found: list[list[str]] = [[] for _ in masked]
        lengths = np.array([len(encoding.ids) for encoding, _ in masked], dtype=np.int64)
        count = min(top_k, max(0, self._counted - 1))
        if not count:
            return found
        with torch.inference_mode():
            for part in sorted_batches(lengths, _BATCH_ROWS, max_tokens=_BATCH_TOKENS):
                for place, words in zip(part, self._of_batch([masked[i] for i in part], count), strict=True):
                    found[place] = words
        return found

    def _of_batch(self, masked: list[tuple[Any, int]], count: int) -> list[list[str]]:
        longest = max(len(encoding.ids) for encoding, _ in masked)
        inputs: NDArray[np.int64] = np.zeros((3, len(masked), longest), dtype=np.int64)
        positions, own = [], []
        for row, (encoding, position) in enumerate(masked):
            length = len(encoding.ids)
            inputs[0, row, :length] = encoding.ids
            inputs[1, row, :length] = 1
            inputs[2, row, :length] = encoding.type_ids
            own.append(encoding.ids[position])
            inputs[0, row, position] = self._mask
            positions.append(position)
        ids, mask, types = torch.from_numpy(inputs).to(self._device)
        rows = torch.arange(len(masked), device=self._device)
        with autocast(self._device, self._dtype):
            hidden = self._model.bert(input_ids=ids, attention_mask=mask, token_type_ids=types)[0]
            # The head is wide: it is asked about the masked places alone.
            logits = self._model.cls(hidden[rows, torch.tensor(positions, device=self._device)]).float()
        logits = logits.masked_fill(~self._allowed, -torch.inf)
        logits[rows, torch.tensor(own, device=self._device)] = -torch.inf
        return [[self._words[i] for i in row] for row in logits.topk(count, dim=-1).indices.tolist()]


def _load(folder: Path) -> Any:
    from transformers import BertForMaskedLM

    kind = read_json(folder / "config.json").get("model_type")
    if kind != "bert":
        raise DataError(
            f"data.augment.model is of type {kind}, and words are replaced by a BERT with a masked-language head",
            hint="give a checkpoint of BertForMaskedLM, as BERT's own",
        )
    try:
        with quiet_transformers():
            model, info = BertForMaskedLM.from_pretrained(
                folder,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise DataError(f"data.augment.model in {folder} cannot be loaded: {first_line(error)}") from error
    # transformers would draw what is missing at random, with no more than a line in a log.
    missing = sorted(key for key in info["missing_keys"] if not key.endswith("position_ids"))
    if missing:
        raise DataError(
            f"data.augment.model in {folder} has no masked-language head ({missing[0]} is missing)",
            hint="a classifier has lost it: give the checkpoint that was pretrained, or a BertForMaskedLM",
        )
    return model.eval()


def _tokenizer(folder: Path, positions: int) -> Tokenizer:
    file = folder / "tokenizer.json"
    kind = read_json(file)["model"].get("type")
    if kind != "WordPiece":
        raise DataError(f"data.augment.model in {folder} has a tokenizer of type {kind}, and WordPiece is needed")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(positions)
    return tokenizer

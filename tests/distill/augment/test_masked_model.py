"""The words that a masked language model proposes, and checkpoints that are none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import BertForMaskedLM

from ackd_deploy.distill.augment.masked_model import MaskedModel
from ackd_deploy.errors import DataError

CPU, FLOAT = torch.device("cpu"), torch.float32
TEXTS = ["the plot is dull", "two hours that feel like a wet afternoon", "noisy"]


def test_the_most_probable_words_are_those_of_the_whole_model(masked_folder: Path) -> None:
    masked = MaskedModel(masked_folder, CPU, FLOAT)
    encodings = masked.tokenizer.encode_batch(TEXTS)
    found = masked.candidates([(encodings[0], 2), (encodings[1], 4), (encodings[2], 1)], 5)
    model = BertForMaskedLM.from_pretrained(masked_folder).eval()
    vocabulary = (masked_folder / "vocab.txt").read_text().splitlines()
    for encoding, position, words in zip(encodings, (2, 4, 1), found, strict=True):
        ids = torch.tensor([encoding.ids])
        own = int(ids[0, position])
        ids[0, position] = vocabulary.index("[MASK]")
        with torch.no_grad():
            order = model(ids).logits[0, position].argsort(descending=True).tolist()
        expected = [vocabulary[i] for i in order if vocabulary[i].isalpha() and i != own][:5]
        assert words == expected


def test_no_more_words_than_there_are(masked_folder: Path) -> None:
    masked = MaskedModel(masked_folder, CPU, FLOAT)
    whole = [word for word in (masked_folder / "vocab.txt").read_text().splitlines() if word.isalpha()]
    encoding = masked.tokenizer.encode("dull")
    (found,) = masked.candidates([(encoding, 1)], 10_000)
    assert sorted(found) == sorted(set(whole) - {encoding.tokens[1]})


def test_a_classifier_has_no_head(tiny_teacher: Path) -> None:
    # transformers would draw the head at random.
    with pytest.raises(DataError, match=r"no masked-language head \(cls\.predictions"):
        MaskedModel(tiny_teacher, CPU, FLOAT)


def test_other_models_and_tokenizers_are_refused(masked_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(masked_folder, tmp_path / "other"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "roberta"}))
    with pytest.raises(DataError, match="of type roberta"):
        MaskedModel(folder, CPU, FLOAT)
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["type"] = "BPE"
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(DataError, match="tokenizer of type BPE"):
        MaskedModel(folder, CPU, FLOAT)

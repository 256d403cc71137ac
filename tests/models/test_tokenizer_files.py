"""Folders as transformers 4.57 and 5 write them: each is read here, and what we save from it is read by both lines.

The settings are those that 4.57.6 and 5.23.0 wrote; `make test-transformers5` runs the same tests under 5.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.models.classifiers import load_classifier, provide_tokenizer, save_classifier
from ackd_deploy.models.locate import locate_model

NAMES = ("negative", "positive")
SINGLE = "single_label_classification"
SPECIAL = {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "mask", "pad", "sep", "unk")}
PAIR = ("a warm film", "the plot is dull")


def added(content: str) -> dict[str, Any]:
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": True}  # fmt: skip


FOUR = {
    **SPECIAL,
    "added_tokens_decoder": {str(i): added(f"[{n}]") for i, n in enumerate(("PAD", "UNK", "CLS", "SEP", "MASK"))},
    "clean_up_tokenization_spaces": False,
    "extra_special_tokens": {},
    "model_max_length": 1000000000000000019884624838656,
}
FIVE = {**SPECIAL, "backend": "tokenizers", "model_max_length": 1000000000000000019884624838656}
BERT = {
    "do_lower_case": True,
    "strip_accents": None,
    "tokenize_chinese_chars": True,
    "tokenizer_class": "BertTokenizer",
}
SAVED = {
    "4.57, BERT's tokenizer": ({**FOUR, **BERT}, {"dtype": "float32", "transformers_version": "4.57.6"}),
    "4.57, any tokenizer": (
        {**FOUR, "tokenizer_class": "PreTrainedTokenizerFast"},
        {"dtype": "float32", "transformers_version": "4.57.6"},
    ),
    "5, BERT's tokenizer": (
        {**FIVE, **BERT, "is_local": True, "local_files_only": False},
        {"dtype": "float32", "transformers_version": "5.23.0"},
    ),
    "5, any tokenizer": (
        {**FIVE, "tokenizer_class": "TokenizersBackend"},
        {"dtype": "float32", "transformers_version": "5.23.0"},
    ),
    "5, with a special token of its own": (
        {**FIVE, "tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["warm"]},
        {"dtype": "float32", "transformers_version": "5.23.0"},
    ),
    "before 4.56, in half precision": ({**FOUR, **BERT}, {"torch_dtype": "float16", "transformers_version": "4.40.0"}),
    "5, in half precision": ({**FIVE, **BERT}, {"dtype": "float16", "transformers_version": "5.23.0"}),
}


@pytest.fixture(params=SAVED)
def teacher(request: pytest.FixtureRequest, tiny_teacher: Path, tmp_path: Path) -> Path:
    """The tiny teacher, as if saved elsewhere; that of 5 lacks vocab.txt and special_tokens_map.json."""
    tokenizer, config = SAVED[request.param]
    folder = Path(shutil.copytree(tiny_teacher, tmp_path / "teacher"))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    if "backend" in tokenizer:
        for name in ("vocab.txt", "special_tokens_map.json"):
            (folder / name).unlink(missing_ok=True)
    settings = json.loads((folder / "config.json").read_text())
    for name in ("dtype", "torch_dtype"):
        settings.pop(name, None)
    (folder / "config.json").write_text(json.dumps({**settings, **config}))
    if "float16" in config.values():
        weights = load_file(folder / "model.safetensors")
        halves = {name: tensor.half() for name, tensor in weights.items()}
        save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_either_line_reads_what_either_wrote(teacher: Path, tmp_path: Path) -> None:
    model = load_classifier(locate_model(str(teacher)), NAMES, SINGLE)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    tokenizer = provide_tokenizer(teacher, tmp_path / "converted")
    assert tokenizer == teacher
    student = tmp_path / "student"
    save_classifier(model, tokenizer, student, card="", max_length=32)

    encoded = Tokenizer.from_file(str(student / "tokenizer.json")).encode(*PAIR)
    with torch.inference_mode():
        expected = model(
            input_ids=torch.tensor([encoded.ids]), token_type_ids=torch.tensor([encoded.type_ids])
        ).logits.numpy()
    # By AutoTokenizer and AutoModel, as anyone would read it: the second text of a pair must still be the second.
    assert np.abs(TorchClassifier(student, 32).logits([PAIR]) - expected).max() < 1e-5


def test_what_is_saved_names_nothing_that_one_line_lacks(teacher: Path, tmp_path: Path) -> None:
    model = load_classifier(teacher, NAMES, SINGLE)
    save_classifier(model, teacher, tmp_path / "student", card="", max_length=32)
    settings = json.loads((tmp_path / "student" / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] in ("BertTokenizer", "PreTrainedTokenizerFast")
    assert not isinstance(settings.get("extra_special_tokens"), list)
    words = (tmp_path / "student" / "vocab.txt").read_text().splitlines()
    assert Tokenizer.from_file(str(teacher / "tokenizer.json")).get_vocab() == {w: i for i, w in enumerate(words)}
    config = json.loads((tmp_path / "student" / "config.json").read_text())
    assert config.get("dtype", config.get("torch_dtype")) == "float32"


def test_own_special_tokens_stay_special(tiny_teacher: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = Path(shutil.copytree(tiny_teacher, tmp_path / "teacher"))
    tokenizer, _ = SAVED["5, with a special token of its own"]
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    save_classifier(load_classifier(folder, NAMES, SINGLE), folder, tmp_path / "student", card="", max_length=32)
    assert "warm" in AutoTokenizer.from_pretrained(tmp_path / "student").all_special_tokens

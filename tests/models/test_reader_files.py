"""Length, padding and thresholds stand in the files that other readers look at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tokenizers import Tokenizer

from ackd_deploy.models.reader_files import settle_length, settle_thresholds

LONG = "a warm and funny film about friendship " * 20


def checkpoint(tiny_teacher: Path, folder: Path) -> Path:
    """A tokenizer with the length and the padding of a training of its own, and no padding token but in there."""
    shutil.copytree(tiny_teacher, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(128, strategy="only_first", stride=3)
    tokenizer.enable_padding(length=128, pad_id=tokenizer.token_to_id("[PAD]"))
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "max_length": 128, "stride": 3}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    return folder


def test_every_reader_truncates_to_the_length_and_pads_nothing(tiny_teacher: Path, tmp_path: Path):
    from transformers import AutoTokenizer

    folder = checkpoint(tiny_teacher, tmp_path / "model")
    before = Tokenizer.from_file(str(folder / "tokenizer.json"))
    settle_length(folder, 16)
    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert found.get_vocab() == before.get_vocab()
    assert len(found.encode(LONG).ids) == 16
    assert len(found.encode("film").ids) == 3
    assert len(found.encode("film", LONG).ids) == 16
    theirs = AutoTokenizer.from_pretrained(folder)
    assert theirs(LONG, truncation=True)["input_ids"] == found.encode(LONG).ids
    assert theirs.model_max_length == 16
    # The padding token stood in the padding alone.
    assert [len(ids) for ids in theirs(["film", "a film"], padding=True)["input_ids"]] == [4, 4]


def test_settled_files_are_left_as_they_are(tiny_teacher: Path, tmp_path: Path):
    folder = checkpoint(tiny_teacher, tmp_path / "model")
    settle_length(folder, 16)
    names = ("tokenizer.json", "tokenizer_config.json")
    first = [(folder / name).read_bytes() for name in names]
    settle_length(folder, 16)
    assert [(folder / name).read_bytes() for name in names] == first


def test_thresholds_come_and_go(tmp_path: Path):
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "bert"}')
    settle_thresholds(tmp_path, {"yes": 0.3})
    assert json.loads(path.read_text()) == {"model_type": "bert", "decision_thresholds": {"yes": 0.3}}
    settle_thresholds(tmp_path, None)
    assert json.loads(path.read_text()) == {"model_type": "bert"}

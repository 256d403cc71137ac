"""Classifiers on disk: what is refused and how, heads aligned by name, files that other tools read."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ackd_deploy.errors import DataError, HubUnreachable
from ackd_deploy.models.classifiers import (
    load_classifier,
    provide_tokenizer,
    save_classifier,
)
from ackd_deploy.models.locate import label_names_of, locate_model

NAMES = ("negative", "positive")
SINGLE = "single_label_classification"


@pytest.fixture
def folder(tiny_teacher: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(tiny_teacher, tmp_path / "teacher"))


def set_config(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def rename_weights(folder: Path, change: Callable[[str], str | None]) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {change(name): tensor for name, tensor in weights.items() if change(name)}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_local_folder_is_itself(folder: Path) -> None:
    assert locate_model(str(folder)) == folder


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "only pickled weights"),
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "is not valid JSON"),
        (lambda f: (f / "config.json").write_text("[1]"), "names no model_type"),
        (lambda f: [(f / n).unlink(missing_ok=True) for n in ("tokenizer.json", "vocab.txt", "tokenizer_config.json")],
         "no tokenizer"),
    ],
)  # fmt: skip
def test_folders_that_hold_no_usable_model(spoil: Callable[[Path], object], message: str, folder: Path) -> None:
    spoil(folder)
    with pytest.raises(DataError, match=message):
        locate_model(str(folder))


@pytest.mark.parametrize("reference", ["./nowhere", "/nowhere/at/all", "~/nowhere", "a/b/c", "a b"])
def test_a_path_that_is_not_there(reference: str) -> None:
    with pytest.raises(DataError, match="no such folder"):
        locate_model(reference)


def test_a_hub_id_without_a_hub_is_told_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    # A server that never answers: the hub's own client would wait for a minute.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    began = time.monotonic()
    with pytest.raises(HubUnreachable, match="google-bert/no-such-model") as caught:
        locate_model("google-bert/no-such-model")
    assert time.monotonic() - began < 10
    assert "--set teacher.model=DIR" in (caught.value.hint or "")


def test_label_names(folder: Path) -> None:
    assert label_names_of(folder) == NAMES
    set_config(folder, id2label={str(i): f"L{i}" for i in range(12)})
    # By number: "10" does not come before "2".
    assert label_names_of(folder) == tuple(f"L{i}" for i in range(12))
    set_config(folder, id2label={"0": "LABEL_0", "1": "LABEL_1"})
    assert label_names_of(folder) is None
    set_config(folder, id2label={})
    assert label_names_of(folder) is None


def test_a_trained_head_is_kept(tiny_teacher: Path) -> None:
    model = load_classifier(tiny_teacher, NAMES, SINGLE)
    saved = load_file(tiny_teacher / "model.safetensors")
    assert torch.equal(model.classifier.weight, saved["classifier.weight"])
    assert not model.training


def test_a_new_head_hangs_on_its_seed_alone(tiny_teacher: Path) -> None:
    names = ("a", "b", "c")
    first, again, other = (load_classifier(tiny_teacher, names, SINGLE, new_head_seed=s) for s in (1, 1, 2))
    assert first.classifier.weight.shape == (3, 32)
    assert torch.equal(first.classifier.weight, again.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    assert first.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert torch.equal(first.bert.encoder.layer[3].output.dense.weight, other.bert.encoder.layer[3].output.dense.weight)


def test_a_head_of_the_same_size_for_other_names_is_not_reused(tiny_teacher: Path) -> None:
    saved = load_file(tiny_teacher / "model.safetensors")
    model = load_classifier(tiny_teacher, ("spam", "ham"), SINGLE, new_head_seed=1)
    assert not torch.equal(model.classifier.weight, saved["classifier.weight"])


def test_without_a_trained_head_it_says_to_fine_tune(folder: Path) -> None:
    rename_weights(folder, lambda name: None if name.startswith("classifier") else name)
    with pytest.raises(DataError, match="no trained classification head") as caught:
        load_classifier(folder, NAMES, SINGLE)
    assert "finetune" in (caught.value.hint or "")
    assert load_classifier(folder, NAMES, SINGLE, new_head_seed=0) is not None


def test_a_checkpoint_that_lacks_a_layer_is_refused(folder: Path) -> None:
    rename_weights(folder, lambda name: None if ".layer.2." in name else name)
    with pytest.raises(DataError, match="lacks weights"):
        load_classifier(folder, NAMES, SINGLE, new_head_seed=0)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all, but long enough to have a header"])
def test_damaged_weights(content: bytes, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="cannot be loaded"):
        load_classifier(folder, NAMES, SINGLE)


def test_a_model_that_wants_its_own_code_is_refused(folder: Path) -> None:
    set_config(folder, model_type="mine", auto_map={"AutoConfig": "evil.Config"})
    (folder / "evil.py").write_text("raise SystemExit('code of a checkpoint ran')")
    with pytest.raises(DataError, match="cannot be loaded"):
        load_classifier(folder, NAMES, SINGLE)


def test_saved_folders_are_read_by_transformers(tiny_teacher: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = load_classifier(tiny_teacher, NAMES, SINGLE)
    size = save_classifier(model, tiny_teacher, tmp_path / "out", card="# card\n", max_length=32)
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "README.md",
    } <= names
    assert size == (tmp_path / "out" / "model.safetensors").stat().st_size
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert again.config.id2label == {0: "negative", 1: "positive"}
    assert again.config.problem_type == SINGLE
    tokens = AutoTokenizer.from_pretrained(tmp_path / "out")("a warm film", return_tensors="pt")
    with torch.no_grad():
        # Theirs lie unaligned in the mapped file: products may round otherwise.
        assert torch.allclose(again.eval()(**tokens).logits, model(**tokens).logits, atol=1e-6)


def test_vocab_is_written_where_only_tokenizer_json_was_there(folder: Path, tmp_path: Path) -> None:
    expected = (folder / "vocab.txt").read_text()
    (folder / "vocab.txt").unlink()
    save_classifier(load_classifier(folder, NAMES, SINGLE), folder, tmp_path / "out", card="", max_length=32)
    assert (tmp_path / "out" / "vocab.txt").read_text() == expected


def test_an_older_tokenizer_is_converted(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    text = "a warm and funny film"
    expected = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    (folder / "tokenizer.json").unlink()
    made = provide_tokenizer(folder, tmp_path / "converted")
    assert made == tmp_path / "converted"
    assert Tokenizer.from_file(str(made / "tokenizer.json")).encode(text).ids == expected
    assert provide_tokenizer(folder, made) == made


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_model_that_names_code_is_refused_before_transformers_sees_it(tiny_teacher, tmp_path, monkeypatch, file):
    folder = tmp_path / "model"
    shutil.copytree(tiny_teacher, folder)
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(content | {"_attn_implementation_internal": "somebody/kernel"}))
    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", lambda *_, **__: pytest.fail("transformers read it"))
    with pytest.raises(DataError, match=rf"{file} has '_attn_implementation_internal'"):
        locate_model(str(folder), key="student.init")

"""The bank holds what the teacher says, is of one teacher and one data set, and mends itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ackd_deploy.data.encode import encode_rows
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.distill import bank as module
from ackd_deploy.distill.bank import TeacherBank, bank_key, build_bank, open_bank
from ackd_deploy.errors import ArtifactError, EnvironmentProblem
from ackd_deploy.models.classifiers import load_classifier
from ackd_deploy.tasks.long_texts import LongTextRule

CPU = torch.device("cpu")
LAYERS = (2, 4)


@pytest.fixture(scope="module")
def encoded(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    texts = [("a warm and funny film " * (1 + row % 5)).strip() + f" {row}" for row in range(25)]
    rows = LabeledTexts(texts, None, np.arange(25) % 2, ("negative", "positive"), "single_label_classification")
    return encode_rows(rows, tiny_teacher, 32, tmp_path_factory.mktemp("encoded"))


@pytest.fixture
def teacher(tiny_teacher: Path) -> Any:
    return load_classifier(tiny_teacher, ("negative", "positive"), "single_label_classification")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 10)


def key_of(encoded: Encoded, sha: str = "t") -> dict[str, Any]:
    return bank_key(sha, encoded, LAYERS, ("cls", "mean"), torch.float32)


def build(teacher: Any, encoded: Encoded, folder: Path, **options: Any) -> TeacherBank:
    key = key_of(encoded)
    build_bank(teacher, encoded, folder, key, CPU, torch.float32, **options)
    return open_bank(folder, key, CPU)


def test_it_holds_each_rows_own_logits_and_features(teacher: Any, encoded: Encoded, tmp_path: Path) -> None:
    bank = build(teacher, encoded, tmp_path / "bank")
    for row in (0, 9, 10, 24):
        # One row alone: without padding, batches or chunks.
        inputs = {name: torch.from_numpy(array) for name, array in encoded.batch([row]).items()}
        with torch.no_grad():
            outputs = teacher(**inputs, output_hidden_states=True)
        rows = np.array([row], dtype=np.int64)
        assert torch.allclose(bank.logits(rows), outputs.logits, atol=1e-6)
        for m, layer in enumerate(LAYERS):
            hidden = outputs.hidden_states[layer][0]
            for how, vector in (("mean", hidden.mean(0)), ("cls", hidden[0])):
                expected = vector / vector.norm()
                # Half precision: 11 bits.
                assert torch.allclose(bank.features(rows, how)[m, 0], expected, atol=2**-11)


def test_of_a_text_in_windows_it_holds_the_mean(teacher: Any, tiny_teacher: Path, tmp_path: Path) -> None:
    texts = ["a warm and funny film " * times for times in (1, 9, 4)]
    rows = LabeledTexts(texts, None, np.array([0, 1, 0]), ("negative", "positive"), "single_label_classification")
    windowed = encode_rows(rows, tiny_teacher, 16, tmp_path / "encoded", LongTextRule(mode="windows"))
    bank = build(teacher, windowed, tmp_path / "bank")
    assert bank.rows == 3
    for row in range(3):
        inputs = {name: torch.from_numpy(array) for name, array in windowed.batch([row]).items()}
        with torch.no_grad():
            outputs = teacher(**inputs, output_hidden_states=True)
        chosen = np.array([row], dtype=np.int64)
        assert torch.allclose(bank.logits(chosen)[0], outputs.logits.mean(0), atol=1e-6)
        mean = outputs.hidden_states[LAYERS[0]][:, 0].mean(0)
        assert torch.allclose(bank.features(chosen, "cls")[0, 0], mean / mean.norm(), atol=2**-11)


def test_shapes_and_order(teacher: Any, encoded: Encoded, tmp_path: Path) -> None:
    bank = build(teacher, encoded, tmp_path / "bank")
    rows = np.array([24, 3, 3], dtype=np.int64)
    assert bank.logits(rows).shape == (3, 2)
    features = bank.features(rows, "mean")
    assert features.shape == (2, 3, 32)
    assert features.dtype == torch.float32
    assert torch.equal(features[:, 1], features[:, 2])
    assert (bank.rows, bank.width, set(bank.poolings)) == (25, 32, {"mean", "cls"})


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_stopped_build_goes_on(teacher: Any, encoded: Encoded, tmp_path: Path) -> None:
    build(teacher, encoded, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        build(teacher, encoded, tmp_path / "parts", stop=lambda: True)
    with pytest.raises(ArtifactError, match="does not belong to this teacher"):
        open_bank(tmp_path / "parts", key_of(encoded), CPU)
    build(teacher, encoded, tmp_path / "parts")
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_damage_is_said_and_mended(
    damage: str, teacher: Any, encoded: Encoded, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bank"
    build(teacher, encoded, folder)
    good = content(folder)
    file = folder / "features_mean.bin"
    if damage == "flip":
        spoilt = bytearray(good[file.name])
        spoilt[len(spoilt) // 2] ^= 1
        file.write_bytes(bytes(spoilt))
    elif damage == "truncate":
        file.write_bytes(good[file.name][:-7])
    else:
        file.unlink()
    calls = []
    teacher.register_forward_hook(lambda *_: calls.append(1))
    build(teacher, encoded, folder)
    assert content(folder) == good
    assert "damaged in" in capfd.readouterr().err
    # Only what is damaged is computed again: one part of three, but all where the whole file is gone.
    assert len(calls) == (3 if damage == "delete" else 1)


def test_a_bank_of_another_teacher_is_said_and_replaced(
    teacher: Any, encoded: Encoded, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bank"
    build_bank(teacher, encoded, folder, key_of(encoded, "another"), CPU, torch.float32)
    with pytest.raises(ArtifactError):
        open_bank(folder, key_of(encoded), CPU)
    build(teacher, encoded, folder)
    assert "made with another teacher" in capfd.readouterr().err


def test_a_broken_manifest_is_said(
    teacher: Any, encoded: Encoded, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bank"
    build(teacher, encoded, folder)
    (folder / "manifest.json").write_text("{")
    build(teacher, encoded, folder)
    assert "no readable manifest" in capfd.readouterr().err


def test_a_full_disk_is_said_before_anything_is_computed(
    teacher: Any, encoded: Encoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(EnvironmentProblem, match="the disk is full"):
        build(teacher, encoded, tmp_path / "bank")


def test_the_key_names_all_that_matters(encoded: Encoded) -> None:
    base = key_of(encoded)
    assert base != key_of(encoded, "other")
    assert base != bank_key("t", encoded, (1, 4), ("cls", "mean"), torch.float32)
    assert base != bank_key("t", encoded, LAYERS, ("mean",), torch.float32)
    assert base != bank_key("t", encoded, LAYERS, ("cls", "mean"), torch.bfloat16)
    assert base["data"] == encoded.fingerprint
    assert base["max_length"] == 32

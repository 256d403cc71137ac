"""Copies with replaced words: made once, in parts, the same however often they were stopped; and trained on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ackd_deploy.data import LabeledTexts
from ackd_deploy.distill import distill_run
from ackd_deploy.distill.augment import augmented_copies, copies
from ackd_deploy.errors import RunMismatch
from ackd_deploy.recipe.sections import Augment
from ackd_deploy.run import Run
from tests.conftest import SENTENCES

ROWS = LabeledTexts([t for t, _ in SENTENCES], None, np.arange(8) % 2, ("a", "b"), "single_label_classification")
PAIRS = LabeledTexts(ROWS.texts, ROWS.texts[::-1], ROWS.labels, ROWS.label_names, ROWS.problem_type)


def made(folder: Path, model: Path, rows: LabeledTexts = ROWS, seed: int = 1, **keys: Any) -> Any:
    stop = keys.pop("stop", lambda: False)
    augment = Augment(model=str(model), **{"copies": 3, **keys})
    return augmented_copies(
        rows, augment, model, "sha", folder, seed=seed, device=torch.device("cpu"), dtype=torch.float32, stop=stop
    )


def test_copies_differ_from_their_text_in_words_alone(masked_folder: Path, tmp_path: Path) -> None:
    texts, pairs = made(tmp_path, masked_folder)
    assert pairs is None
    assert 16 < len(texts) <= 24
    assert len(set(texts)) == len(texts)
    assert not set(texts) & set(ROWS.texts)
    sizes = {len(text.split()) for text in ROWS.texts}
    assert {len(text.split()) for text in texts} <= sizes
    # Read afterwards, and not made again.
    assert made(tmp_path, Path("/nonexistent")) == (texts, None)
    assert made(tmp_path, masked_folder, seed=2)[0] != texts


def test_both_texts_of_a_pair_are_replaced(masked_folder: Path, tmp_path: Path) -> None:
    texts, pairs = made(tmp_path, masked_folder, PAIRS)
    assert len(texts) == len(pairs)
    assert set(texts) - set(ROWS.texts)
    assert set(pairs) - set(ROWS.texts)


def test_stopped_and_resumed_they_are_the_same(
    masked_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_PART_ROWS", 2)
    whole = made(tmp_path / "whole", masked_folder)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            made(tmp_path / "parts", masked_folder, stop=lambda: True)
    assert made(tmp_path / "parts", masked_folder) == whole


def test_a_damaged_part_is_made_again(masked_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = made(tmp_path, masked_folder)
    (part,) = tmp_path.glob("*/part-00000.jsonl")
    part.write_text("[]\n")
    assert made(tmp_path, masked_folder) == whole
    assert "damaged" in capfd.readouterr().err


def test_the_student_trains_on_them(new_run: Any, masked_folder: Path, tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("text\none more film\n")
    model = Path(shutil.copytree(masked_folder, tmp_path / "masked"))
    overrides = (
        f"data.augment={{model: {model}, copies: 2}}",
        "distill.baselines=[finetune]",
        "distill.epochs=1",
    )
    run: Run = new_run(*overrides, f"data.unlabeled={tmp_path}/more.csv")
    distill_run(run, device="cpu")
    record = run.record(run.student)
    lines = [line for file in run.path("augmented").glob("*/*.jsonl") for line in file.read_text().splitlines()]
    assert record.unlabeled_rows == 1 + len(lines)
    assert len(lines) > 150
    assert record.training is not None
    assert record.training.samples == 97 + len(lines)
    with (model / "vocab.txt").open("a") as stream:
        stream.write("\n")
    with pytest.raises(RunMismatch, match=r"data\.augment\.model"):
        distill_run(run, device="cpu")

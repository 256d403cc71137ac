"""One folder, many readers: other tools load it as it stands and say what our runtime says."""

from __future__ import annotations

import json
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from ackd_deploy.runtime import Classifier
from tests.artifact_builder import SENTENCES, build_artifact

# 200 rows: beginnings of one sentence followed by ends of another.
ROWS = [
    " ".join(first.split()[:cut] + second.split()[cut // 2 :])
    for cut, (first, second) in product((1, 3, 5, 7), product(SENTENCES, repeat=2))
][:200]

TASKS = {
    "single_label_classification": ("negative", "positive"),
    "multi_label_classification": ("plot", "acting", "music"),
    "regression": ("score",),
}


@pytest.fixture(scope="module", params=[*TASKS, "pairs"])
def artifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, artifact_scratch: Path) -> Path:
    pairs = request.param == "pairs"
    task = "single_label_classification" if pairs else request.param
    folder = tmp_path_factory.mktemp("portable") / "artifact"
    return build_artifact(folder, artifact_scratch, problem_type=task, labels=TASKS[task], pairs=pairs)


@pytest.fixture(scope="module")
def texts(artifact: Path) -> list:
    pairs = json.loads((artifact / "ackd.json").read_text())["text_pairs"]
    return list(zip(ROWS, reversed(ROWS), strict=True)) if pairs else ROWS


@pytest.fixture(scope="module")
def ours(artifact: Path, texts: list) -> np.ndarray:
    return Classifier.load(artifact, threads=1).logits(texts)


def test_bare_onnxruntime_and_tokenizers(artifact: Path, texts: list, ours: np.ndarray):
    """As anyone would write it: one row at a time, the padding and truncation of the library."""
    assert len(texts) == 200
    tokenizer = Tokenizer.from_file(str(artifact / "tokenizer.json"))
    tokenizer.enable_truncation(24)
    session = onnxruntime.InferenceSession(str(artifact / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    rows = []
    for text in texts:
        encoded = tokenizer.encode(*text) if isinstance(text, tuple) else tokenizer.encode(text)
        arrays = {
            "input_ids": encoded.ids,
            "attention_mask": encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
        }
        rows.append(session.run(["logits"], {name: np.array([arrays[name]], dtype=np.int64) for name in names})[0][0])
    theirs = np.stack(rows)
    assert np.abs(theirs - ours).max() < 1e-4
    assert (theirs.argmax(axis=1) == ours.argmax(axis=1)).all()


@pytest.mark.slow
def test_optimum(artifact: Path, texts: list, ours: np.ndarray):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = pytest.importorskip("optimum.onnxruntime", reason="optimum is not installed")
        from transformers import PreTrainedTokenizerFast

        model = reader.ORTModelForSequenceClassification.from_pretrained(artifact, file_name="model.onnx")
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(artifact / "tokenizer.json"), pad_token="[PAD]")
        first = [text if isinstance(text, str) else text[0] for text in texts]
        second = None if isinstance(texts[0], str) else [text[1] for text in texts]
        encoded = tokenizer(first, second, truncation=True, max_length=24, padding=True, return_tensors="pt")
        theirs = model(**encoded).logits.numpy()
    manifest = json.loads((artifact / "ackd.json").read_text())
    assert model.config.problem_type == manifest["problem_type"]
    assert list(model.config.id2label.values()) == manifest["labels"]
    assert np.abs(theirs - ours).max() < 1e-4
    assert (theirs.argmax(axis=1) == ours.argmax(axis=1)).all()

"""One folder, many readers: other tools load it as it stands and say what our runtime says, also of long texts."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.runtime import Classifier
from tests.artifact_builder import MAX_LENGTH, SENTENCES, build_artifact

# 200 rows: beginnings of one sentence followed by ends of another; the last go on beyond what the model reads.
ROWS = [
    " ".join((first.split()[:cut] + second.split()[cut // 2 :]) * (4 if cut == 7 else 1))
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
    classifier = Classifier.load(artifact, threads=1)
    assert len(texts) == 200
    assert sum(row.truncated for row in classifier.tokenize(texts)) >= 8
    return classifier.logits(texts)


def agree(theirs: np.ndarray, ours: np.ndarray) -> None:
    assert np.abs(theirs - ours).max() < 1e-4
    assert (theirs.argmax(axis=1) == ours.argmax(axis=1)).all()


def row_by_row(artifact: Path, texts: list, run: Callable[[dict[str, np.ndarray]], np.ndarray]) -> np.ndarray:
    """As anyone would write it: the tokenizer as it is in the file, one row at a time."""
    tokenizer = Tokenizer.from_file(str(artifact / "tokenizer.json"))
    rows = []
    for text in texts:
        encoded = tokenizer.encode(*text) if isinstance(text, tuple) else tokenizer.encode(text)
        arrays = {
            "input_ids": encoded.ids,
            "attention_mask": encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
        }
        rows.append(run({name: np.array([ids], dtype=np.int64) for name, ids in arrays.items()})[0])
    return np.stack(rows)


def test_what_the_files_say_of_length_and_padding(artifact: Path):
    tokenizer = json.loads((artifact / "tokenizer.json").read_text())
    config = json.loads((artifact / "tokenizer_config.json").read_text())
    assert tokenizer["truncation"]["max_length"] == config["model_max_length"] == MAX_LENGTH
    assert tokenizer["padding"] is None
    assert not {"max_length", "pad_to_multiple_of"} & set(config)


def test_bare_onnxruntime_and_tokenizers(artifact: Path, texts: list, ours: np.ndarray):
    session = onnxruntime.InferenceSession(str(artifact / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    theirs = row_by_row(artifact, texts, lambda feed: session.run(["logits"], {n: feed[n] for n in names})[0])
    agree(theirs, ours)


def test_openvino(artifact: Path, texts: list, ours: np.ndarray):
    openvino = pytest.importorskip("openvino", reason="openvino is not installed")
    compiled = openvino.Core().compile_model(str(artifact / "model.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [value.get_any_name() for value in compiled.inputs]
    # OpenVINO keeps a kernel for each shape: twenty rows of all lengths say what two hundred would.
    some = range(0, len(texts), 10)
    theirs = row_by_row(artifact, [texts[i] for i in some], lambda feed: compiled({n: feed[n] for n in names})[0])
    agree(theirs, ours[list(some)])


def by_transformers(artifact: Path, texts: list) -> Any:
    """The texts through AutoTokenizer, in one padded batch."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(artifact)
    first = [text if isinstance(text, str) else text[0] for text in texts]
    second = None if isinstance(texts[0], str) else [text[1] for text in texts]
    return tokenizer(first, second, truncation=True, padding=True, return_tensors="pt")


def test_the_tokenizer_of_transformers(artifact: Path, texts: list):
    encoded = by_transformers(artifact, texts)
    expected = [row.ids for row in Classifier.load(artifact, threads=1).tokenize(texts)]
    rows = zip(encoded["input_ids"], encoded["attention_mask"], strict=True)
    assert [ids[mask == 1].tolist() for ids, mask in rows] == expected


@pytest.mark.slow
def test_optimum(artifact: Path, texts: list, ours: np.ndarray):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = pytest.importorskip("optimum.onnxruntime", reason="optimum is not installed")
        model = reader.ORTModelForSequenceClassification.from_pretrained(artifact, file_name="model.onnx")
        theirs = model(**by_transformers(artifact, texts)).logits.numpy()
    manifest = open_artifact(artifact)
    assert model.config.problem_type == manifest.problem_type
    assert list(model.config.id2label.values()) == manifest.labels
    agree(theirs, ours)

"""Fixtures that several test packages share. Anything trained is trained once a session."""

from __future__ import annotations

import os
from pathlib import Path

# Set before any test imports a hub client: no test may depend on a hub, and threads beyond the two cores only fight.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import pytest

from tests.unjudged import UNJUDGED_KEYS

ROOT = Path(__file__).resolve().parent.parent
SENTENCES = (
    ("a warm and funny film about friendship", "positive"),
    ("the plot is dull and the jokes are stale", "negative"),
    ("an elegant story told with rare patience", "positive"),
    ("two hours that feel like a wet afternoon", "negative"),
    ("the actors shine in every single scene", "positive"),
    ("noisy empty and far too long", "negative"),
    ("i laughed i cried i would see it again", "positive"),
    ("nothing in this mess makes any sense", "negative"),
)


@pytest.fixture(scope="session")
def assets() -> Path:
    """Folder with the quickstart's real model (minilm/) and data (movie_reviews/)."""
    from ackd_deploy.errors import EnvironmentProblem
    from ackd_deploy.quickstart.assets import fetch_assets

    folder = ROOT / ".cache" / "quickstart"
    try:
        fetch_assets(folder)
    except EnvironmentProblem as error:
        pytest.skip(f"the quickstart's assets could not be fetched: {error.message}")
    return folder


@pytest.fixture(scope="session")
def sst2() -> Path:
    """Folder with SST-2 as GLUE gives it; lies beside the checkout on some machines and is never committed."""
    folder = ROOT.parent / "shared" / "data" / "sst2"
    if not (folder / "train.tsv").is_file():
        pytest.skip(f"SST-2 is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with train.csv (96 rows) and validation.csv (32 rows): text, label."""
    folder = tmp_path_factory.mktemp("tiny-data")
    for name, count in (("train", 96), ("validation", 32)):
        lines = ["text,label"]
        for row in range(count):
            text, label = SENTENCES[row % len(SENTENCES)]
            lines.append(f"{name} {row} {text},{label}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a 4-layer, 32-wide BERT classifier of random weights and a WordPiece tokenizer of its own."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-teacher")
    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(
        [text for text, _ in SENTENCES] * 4, vocab_size=200, min_frequency=1, show_progress=False
    )
    trained.save_model(str(folder))
    tokenizer = BertTokenizerFast.from_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
        problem_type="single_label_classification",
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_recipe(tiny_data: Path, tiny_teacher: Path, tmp_path: Path) -> Path:
    """A recipe file over the tiny data and teacher that trains in a few seconds."""
    path = tmp_path / "tiny.yaml"
    path.write_text(
        f"""\
name: tiny
data:
  train: {tiny_data}/train.csv
  validation: {tiny_data}/validation.csv
  max_length: 32
  calibration_rows: 32
teacher:
  model: {tiny_teacher}
  finetune: {{epochs: 2, learning_rate: 1e-3, batch_size: 16}}
student: {{layers: 2}}
distill:
  baselines: [finetune]
  epochs: 2
  learning_rate: 1e-3
  batch_size: 16
  precision: fp32
  cdl: {{negatives: {{count: 16}}}}
export: {{latency_all_threads: false}}
gates:
  {{{UNJUDGED_KEYS}, parity_rows: 32, max_latency_ratio: null, max_accuracy_drop: 5, min_agreement: 0.9,
   max_error_growth: 1}}
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="session")
def artifact_scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which artifact_builder.build_artifact keeps its exported graphs, so that each is made once."""
    return tmp_path_factory.mktemp("artifact-parts")


@pytest.fixture(scope="session")
def tiny_artifact(tmp_path_factory: pytest.TempPathFactory, artifact_scratch: Path) -> Path:
    """A sealed artifact of a 2-layer random BERT (variants fp32 and int8_dynamic), not to be written to."""
    from tests.artifact_builder import build_artifact

    return build_artifact(tmp_path_factory.mktemp("tiny-artifact") / "artifact", artifact_scratch)

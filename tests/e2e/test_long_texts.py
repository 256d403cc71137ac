"""Long texts from training to the service: the word that decides stands where a cut text does not show it."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from ackd_deploy.artifact import seal
from ackd_deploy.artifact.load import MANIFEST, open_artifact
from ackd_deploy.distill.pipeline import distill_run
from ackd_deploy.export import export_run
from ackd_deploy.recipe import load_recipe
from ackd_deploy.run import EXPORT, Run
from ackd_deploy.runtime import Classifier
from ackd_deploy.runtime.selftest import self_test
from ackd_deploy.tasks.long_texts import LongTextRule
from tests.serving.running_service import serving

# Each is one token.
FILLER = ["the", "two", "that", "and", "a", "with", "this", "an", "in", "i", "it", "is", "see", "plot", "film", "hours"]
DECIDES = {"positive": "elegant", "negative": "noisy"}
MAX_LENGTH = 16
RULES = {
    "cut": None,
    "head_tail": LongTextRule(mode="head_tail"),
    "windows": LongTextRule(mode="windows", max_windows=8),
}


def text(label: str, place: int, words: int, seed: int) -> str:
    """Filler with the one word that decides, at a place; -1 is the end."""
    chosen = random.Random(seed).choices(FILLER, k=words)
    chosen[place] = DECIDES[label]
    return " ".join(chosen)


def write(path: Path, count: int, seed: int) -> None:
    draw = random.Random(seed)
    lines = ["text,label"]
    for row in range(count):
        label, words = ("positive", "negative")[row % 2], draw.choice((8, 25, 36))
        lines.append(f"{text(label, draw.randrange(words), words, seed + row)},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@dataclass
class Trained:
    run: Run
    artifact: Path


@pytest.fixture(scope="module")
def trained(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run whose recipe reads long texts in windows, from its data to its artifact."""
    folder = tmp_path_factory.mktemp("long")
    write(folder / "train.csv", 256, 1)
    write(folder / "validation.csv", 64, 1000)
    (folder / "long.yaml").write_text(
        f"""\
data:
  train: {folder}/train.csv
  validation: {folder}/validation.csv
  max_length: {MAX_LENGTH}
  long_texts: windows
  calibration_rows: 32
teacher: {{model: {tiny_teacher}, finetune: {{epochs: 8, learning_rate: 3e-3, batch_size: 16}}}}
student: {{layers: 2}}
distill: {{epochs: 10, learning_rate: 3e-3, batch_size: 16, precision: fp32, cdl: {{negatives: {{count: 16}}}}}}
export: {{variants: [fp32, int8_static], latency_all_threads: false, latency_rounds: 3}}
gates: {{parity_rows: 32, max_latency_ratio: null, max_accuracy_drop: 5, min_agreement: 0.9, max_error_growth: 1}}
""",
        encoding="utf-8",
    )
    torch.set_num_threads(1)
    run = Run.open(folder / "run", load_recipe(folder / "long.yaml"))
    distill_run(run, device="cpu")
    return Trained(run, export_run(run))


@pytest.fixture(scope="module")
def artifacts(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same student under each rule."""
    folders = {}
    for name, rule in RULES.items():
        folder = tmp_path_factory.mktemp(name) / "artifact"
        shutil.copytree(trained.artifact, folder)
        manifest = open_artifact(folder)
        (folder / MANIFEST).unlink()
        seal(folder, manifest.model_copy(update={"long_texts": rule, "golden": [], "files": {}}))
        folders[name] = folder
    return folders


def ending(count: int = 6, words: int = 25) -> list[tuple[str, str]]:
    """Labels with long texts that only their last word decides."""
    return [(label, text(label, -1, words, seed)) for seed in range(count) for label in DECIDES]


def right(answers: list[str]) -> int:
    return sum(answer == label for answer, (label, _) in zip(answers, ending(), strict=True))


def test_training_export_and_golden_samples_read_windows(trained: Trained):
    run, manifest = trained.run, open_artifact(trained.artifact)
    assert manifest.long_texts == LongTextRule(mode="windows")
    record = run.record(EXPORT)
    assert run.record(run.student).metrics["accuracy"] >= 0.85
    # PyTorch and the graph were fed by two separate implementations.
    assert record.variant("fp32").gate("parity").verdict == "pass"
    assert record.variant("int8_static").gate("batch flips").figure == 0
    lengths = [len(Classifier.load(trained.artifact, threads=1).tokenize([s.text])[0].windows) for s in manifest.golden]
    assert max(lengths) > 1
    assert self_test(Classifier.load(trained.artifact, threads=1)) == len(manifest.golden)


def test_neighbors_change_no_answer(artifacts: dict[str, Path]):
    classifier = Classifier.load(artifacts["windows"], threads=1, variant="fp32")
    texts = [entry for _, entry in ending()] + ["elegant", "noisy film " * 3, text("positive", 3, 300, 9)]
    together = classifier.logits(texts)
    alone = np.concatenate([classifier.logits([entry]) for entry in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(classifier.run(classifier.tokenize(texts)), alone, atol=1e-5)
    by_hand = [classifier.run(list(row.windows)).mean(axis=0) for row in classifier.tokenize(texts)]
    np.testing.assert_allclose(together, by_hand, atol=1e-5)


def asked(url: str, **body: object) -> httpx.Response:
    return httpx.post(f"{url}/classify", json=body, timeout=30, trust_env=False)


def test_a_cut_text_hides_the_word_that_decides(artifacts: dict[str, Path], tmp_path: Path):
    with serving(artifacts["cut"], tmp_path) as service:
        results = asked(service.url, texts=[entry for _, entry in ending()]).raise_for_status().json()["results"]
    assert all(result["truncated"] for result in results)
    # The two texts of a seed differ in their last word alone: both have one answer.
    assert right([result["label"] for result in results]) == len(results) // 2


def test_head_and_tail_show_it(artifacts: dict[str, Path], tmp_path: Path):
    with serving(artifacts["head_tail"], tmp_path) as service:
        results = asked(service.url, texts=[entry for _, entry in ending()]).raise_for_status().json()["results"]
        refused = asked(service.url, text=ending()[0][1], truncate="error")
        info = httpx.get(f"{service.url}/info", timeout=30, trust_env=False).json()
    assert right([result["label"] for result in results]) >= 11
    assert all(result["truncated"] for result in results)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].endswith(f"the model reads {MAX_LENGTH}")
    assert info["limits"]["long_texts"] == {"mode": "head_tail", "head": 0.25}


def test_windows_show_it_and_count_as_rows(artifacts: dict[str, Path], tmp_path: Path):
    texts = [entry for _, entry in ending()]
    offline = Classifier.load(artifacts["windows"], threads=1)
    rows = offline.tokenize(texts)
    places = sum(len(row.windows) for row in rows)
    assert places == 2 * len(texts)
    limits = {"ACKD_MAX_QUEUE_ROWS": str(places), "ACKD_MAX_ITEMS": "16"}
    with serving(artifacts["windows"], tmp_path, **limits) as service:
        results = asked(service.url, texts=texts, truncate="error", scores=True).raise_for_status().json()["results"]
        tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}
        name = httpx.get(f"{service.url}/info", timeout=30, trust_env=False).json()["model"]
        kserve = httpx.post(
            f"{service.url}/v2/models/{name}/infer", json={"inputs": [tensor]}, timeout=30, trust_env=False
        ).raise_for_status()
        too_many = asked(service.url, texts=[*texts, texts[0]])
        too_long = asked(service.url, text=text("positive", -1, 400, 5), truncate="error")
        metrics = httpx.get(f"{service.url}/metrics", timeout=30, trust_env=False).text
    labels = [result["label"] for result in results]
    assert right(labels) >= 10
    assert not any(result["truncated"] for result in results)
    for result, answer, row in zip(results, offline.classify(texts), rows, strict=True):
        assert result["scores"] == pytest.approx(answer.scores, abs=1e-5)
        assert result["num_tokens"] == row.num_tokens == row.used_tokens == 27
    assert kserve.json()["outputs"][0]["data"] == labels
    # The twelve texts fill the queue; one more could never be queued.
    assert (too_many.status_code, too_many.json()["error"]["code"]) == (413, "too_many_windows")
    assert too_long.json()["error"]["message"].endswith(f"the model reads {2 + 8 * (MAX_LENGTH - 2)}")
    rows_run = sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("ackd_batch_rows_sum"))
    assert rows_run >= 2 * places

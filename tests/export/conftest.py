"""A finished run of a tiny student, made without training: what the export starts from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ackd_deploy.export.graph import Graph, export_graph
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import Run
from tests.export.families import FAMILIES, save_model
from tests.export.finished import finish_student
from tests.unjudged import UNJUDGED

# What must hold of a random student on 32 rows; latency is judged where a test is about it.
LOOSE = {
    **UNJUDGED,
    "parity_rows": 16,
    "max_latency_ratio": None,
    "max_accuracy_drop": 100.0,
    "max_error_growth": 100.0,
    "min_agreement": 0.5,
}

MakeRun = Callable[..., Run]


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory, tiny_teacher: Path) -> Path:
    """A 2-layer BERT with the tiny teacher's tokenizer and weights wide enough that its answers differ."""
    from tokenizers import Tokenizer

    folder = tmp_path_factory.mktemp("student")
    size = Tokenizer.from_file(str(tiny_teacher / "tokenizer.json")).get_vocab_size()
    save_model("bert", folder, vocab_size=size)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if (tiny_teacher / name).is_file():
            shutil.copyfile(tiny_teacher / name, folder / name)
    return folder


@pytest.fixture
def make_run(tmp_path: Path, tiny_data: Path, student: Path) -> MakeRun:
    """Make a run whose student is finished; keywords are sections of the recipe."""

    def make(
        *,
        data: dict[str, Any] | None = None,
        export: dict[str, Any] | None = None,
        gates: dict[str, Any] | None = None,
    ) -> Run:
        import yaml

        content = {
            "name": "tiny",
            "data": {
                "train": f"{tiny_data}/train.csv",
                "validation": f"{tiny_data}/validation.csv",
                "max_length": 24,
                "calibration_rows": 32,
                **(data or {}),
            },
            "teacher": {"model": str(student)},
            "student": {"layers": 2},
            "export": {
                "engine": "torch",
                "latency_rounds": 3,
                "latency_all_threads": False,
                "max_batch": 8,
                **(export or {}),
            },
            "gates": {**LOOSE, **(gates or {})},
        }
        run = Run.open(tmp_path / "run", parse_recipe(yaml.safe_dump(content), source="test"))
        for name in ("teacher", "student"):
            if not run.path(name).exists():
                shutil.copytree(student, run.path(name))
        finish_student(run, run.path("student"))
        return run

    return make


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Graph]]:
    """Folder and exported graph of a tiny classifier of each family, by the torch engine."""
    made = {}
    for family in FAMILIES:
        folder = save_model(family, tmp_path_factory.mktemp(family))
        made[family] = folder, export_graph(folder, folder / "raw.onnx", "torch")
    return made

"""Each family from a saved teacher to gated variants: load, distill, export, answer as PyTorch answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from ackd_deploy.artifact import open_artifact
from ackd_deploy.check.fusion import knows_fusion
from ackd_deploy.check.latency import Timing
from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.cli import cli
from ackd_deploy.data import load_rows
from ackd_deploy.distill import distill_run
from ackd_deploy.errors import DataError
from ackd_deploy.export import export_run, timing
from ackd_deploy.files import read_json
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import EXPORT, TEACHER, Run
from ackd_deploy.runtime import Classifier
from tests.families.models import FAMILIES, save_family
from tests.unjudged import UNJUDGED_KEYS

LOOSE = "max_latency_ratio: null, max_accuracy_drop: 100, max_error_growth: 100, min_agreement: 0"
# ALBERT's layers share their weights, so that there are none to choose from.
STUDENTS = [
    pytest.param(name, marks=pytest.mark.slow if name.startswith(("deberta", "modernbert")) else ())
    for name in FAMILIES
    if name != "albert"
]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script(_method)?. is deprecated:DeprecationWarning"),
    pytest.mark.usefixtures("no_latency"),
]


@pytest.fixture
def no_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    def timings(systems: Any, workloads: Any, **_: Any) -> Any:
        one = {s.name: Timing(s.name, (1.0,) * 3, (1.0,) * 3, None, 0.1, 1, 1) for s in systems}
        return dict.fromkeys(workloads, one)

    monkeypatch.setattr(timing, "measure", timings)


def recipe(teacher: Path, folder: Path, method: str = "ackd") -> str:
    data = f"train: {folder}/train.csv, validation: {folder}/validation.csv, train_rows: 24, calibration_rows: 16"
    return f"""
data: {{{data}, max_length: 24}}
teacher: {{model: {teacher}}}
student: {{layers: 2}}
distill: {{method: {method}, epochs: 1, batch_size: 12, precision: fp32, cdl: {{negatives: {{count: 8}}}}}}
export: {{variants: [fp32, int8_weight_only], engine: torch, latency_all_threads: false, max_batch: 8}}
gates: {{{UNJUDGED_KEYS}, parity_rows: 16, {LOOSE}}}
"""


def finished(folder: Path, text: str) -> Run:
    run = Run.open(folder, parse_recipe(text))
    distill_run(run, device="cpu")
    export_run(run, table=False)
    return run


def check_answers(run: Run, family: str) -> None:
    """Of the artifact against a student that PyTorch and its own tokenizer answer for."""
    manifest = open_artifact(run.path("artifact"))
    assert {"fp32", "int8_weight_only"} == {variant.name for variant in manifest.variants}
    fp32 = run.record(EXPORT).variant("fp32")
    gates = {gate.gate: gate.verdict for gate in fp32.gates}
    assert gates["parity"] == "pass"
    assert gates["fusion"] == ("pass" if knows_fusion(family) else "info")
    texts = ["a warm and funny film", "noisy, empty and far too long", "zebra 42 Ünknown"]
    expected = TorchClassifier(run.student_folder, 24).logits(texts)
    found = Classifier.load(run.path("artifact"), threads=1, variant="fp32").logits(texts)
    # Far closer to each other than texts are; what a head of random weights tells apart is little.
    apart = np.ptp(expected, axis=0).max()
    assert apart > 1e-5
    assert np.abs(found - expected).max() < 0.01 * apart


@pytest.mark.parametrize("family", STUDENTS)
def test_a_student_of_the_family(family: str, tmp_path: Path, tiny_data: Path) -> None:
    teacher = save_family(family, tmp_path / "model")
    run = finished(tmp_path / "run", recipe(teacher, tiny_data))
    student = run.record(run.student).student
    assert student is not None
    assert student.layers == 2
    check_answers(run, family)


def test_albert_is_exported_as_it_is(tmp_path: Path, tiny_data: Path) -> None:
    teacher = save_family("albert", tmp_path / "model")
    run = finished(tmp_path / "run", recipe(teacher, tiny_data, "none"))
    check_answers(run, "albert")


METHODS = ("finetune", "kd", "pkd", "rkd", "codir", "cdl", "ackd")


@pytest.mark.parametrize(
    ("teacher_family", "student_family", "baselines"),
    [("albert", "bert", METHODS[:-1]), ("deberta-v2", "distilbert", ()), ("bert", "roberta", ())],
)
def test_a_student_of_another_family(
    teacher_family: str, student_family: str, baselines: tuple[str, ...], tmp_path: Path, tiny_data: Path
) -> None:
    """Each reads the text by its own tokenizer; features of another width go through a projection."""
    teacher = save_family(teacher_family, tmp_path / "teacher", width=32)
    start = save_family(student_family, tmp_path / "start")
    file = tmp_path / "cross.yaml"
    text = recipe(teacher, tiny_data).replace("layers: 2", f"layers: 2, init: {start}")
    file.write_text(text.replace("method: ackd", f"method: ackd, baselines: [{', '.join(baselines)}]"))
    assert CliRunner().invoke(cli, ["recipe", "validate", str(file)]).exit_code == 0
    run = finished(tmp_path / "run", file.read_text())
    tokenizers = [read_json(folder / "tokenizer.json") for folder in (teacher, start, run.path("student"))]
    assert tokenizers[2]["model"] == tokenizers[1]["model"] != tokenizers[0]["model"]
    assert read_json(run.path("teacher", "tokenizer.json"))["model"] == tokenizers[0]["model"]
    assert read_json(run.path("student", "config.json"))["model_type"] == student_family
    # Both were evaluated on what their own tokenizers made of the rows, and so is the artifact.
    for folder, stage in ((run.path("teacher"), TEACHER), (run.path("student"), run.student)):
        rows = load_rows(run.recipe.data.validation, run.recipe.data, ("negative", "positive"))
        logits = TorchClassifier(folder, 24).logits(rows.items)
        saved = load_file(run.predictions(stage))["logits"]
        assert np.abs(saved - logits).max() < 1e-4
    check_answers(run, student_family)
    distill_run(run, device="cpu")


def test_albert_as_a_student_is_refused_before_anything_is_done(tmp_path: Path, tiny_data: Path) -> None:
    teacher = save_family("albert", tmp_path / "model")
    file = tmp_path / "albert.yaml"
    file.write_text(recipe(teacher, tiny_data))
    run = Run.open(tmp_path / "run", parse_recipe(file.read_text()))
    begun = time.monotonic()
    with pytest.raises(DataError, match="share their weights") as caught:
        distill_run(run, device="cpu")
    assert time.monotonic() - begun < 5
    assert "student.init" in (caught.value.hint or "")
    assert run.entries() == {}
    told = CliRunner().invoke(cli, ["recipe", "validate", str(file)])
    assert told.exit_code == 5
    assert "share their weights" in told.stderr

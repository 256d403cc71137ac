"""Each family from a saved teacher to gated variants: load, distill, export, answer as PyTorch answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ackd_deploy.artifact import open_artifact
from ackd_deploy.check.fusion import knows_fusion
from ackd_deploy.check.latency import Timing
from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.cli import cli
from ackd_deploy.distill import distill_run
from ackd_deploy.errors import DataError
from ackd_deploy.export import export_run, timing
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import EXPORT, TEACHER, Run
from ackd_deploy.runtime import Classifier
from tests.families.models import FAMILIES, save_family

# ALBERT's layers share their weights, so that there are none to choose from.
STUDENTS = [name for name in FAMILIES if name != "albert"]
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
export: {{variants: [fp32, int8_dynamic], engine: torch, latency_all_threads: false, max_batch: 8}}
gates: {{parity_rows: 16, max_latency_ratio: null, max_accuracy_drop: 100, max_error_growth: 100, min_agreement: 0}}
"""


def finished(folder: Path, text: str) -> Run:
    run = Run.open(folder, parse_recipe(text))
    distill_run(run, device="cpu")
    export_run(run, table=False)
    return run


def check_answers(run: Run, family: str) -> None:
    """Of the artifact against a student that PyTorch and its own tokenizer answer for."""
    manifest = open_artifact(run.path("artifact"))
    assert {"fp32", "int8_dynamic"} == {variant.name for variant in manifest.variants}
    fp32 = run.record(EXPORT).variant("fp32")
    gates = {gate.gate: gate.verdict for gate in fp32.gates}
    assert gates["parity"] == "pass"
    assert gates["fusion"] == ("pass" if knows_fusion(family) else "info")
    texts = ["a warm and funny film", "noisy, empty and far too long", "zebra 42 Ünknown"]
    expected = TorchClassifier(run.student_folder, 24).logits(texts)
    found = Classifier.load(run.path("artifact"), threads=1, variant="fp32").logits(texts)
    assert np.abs(found - expected).max() < 1e-4
    assert np.ptp(expected, axis=0).max() > 1e-3


@pytest.mark.parametrize("family", STUDENTS)
def test_a_student_of_the_family(family: str, tmp_path: Path, tiny_data: Path) -> None:
    teacher = save_family(family, tmp_path / "model")
    run = finished(tmp_path / "run", recipe(teacher, tiny_data))
    assert run.stages()[0] is TEACHER
    student = run.record(run.student).student
    assert student is not None
    assert student.layers == 2
    check_answers(run, family)


def test_albert_is_exported_as_it_is(tmp_path: Path, tiny_data: Path) -> None:
    teacher = save_family("albert", tmp_path / "model")
    run = finished(tmp_path / "run", recipe(teacher, tiny_data, "none"))
    check_answers(run, "albert")


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

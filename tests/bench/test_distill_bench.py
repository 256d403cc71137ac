"""The benchmark of distillation runs as its docstring says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_it_compares_the_loops(tiny_recipe: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "bench" / "distill.py"), str(tiny_recipe), "--runs", str(tmp_path)]
    options = ["--steps", "2", "--rounds", "1", "--device", "cpu", "--json", str(tmp_path / "bench.json")]
    done = subprocess.run(
        [*command, *options, "--accuracy", "0.1", "--epochs", "1"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "bench.json").read_text())
    # TextBrewer takes part where it is installed.
    assert set(found["median"]) - {"textbrewer"} == {"finetune", "ackd", "no bank", "trainer", "plain"}
    assert all(value > 0 for value in found["median"].values())
    assert found["seconds_to_accuracy"].keys() == found["median"].keys()
    assert all(value > 0 for value in found["seconds_to_accuracy"].values())
    assert "ackd" in done.stdout

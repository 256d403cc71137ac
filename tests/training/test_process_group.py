"""Two processes are as one with the doubled batch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.training.process_group import ProcessGroup
from tests.conftest import SENTENCES


@pytest.fixture
def plain_teacher(tiny_teacher: Path, tmp_path: Path) -> Path:
    """Without dropout, which no two processes share."""
    folder = Path(shutil.copytree(tiny_teacher, tmp_path / "plain"))
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def losses(folder: Path) -> dict[tuple[str, int], dict[str, float]]:
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return {(line["stage"], line["step"]): line for line in lines}


def distill(
    recipe: Path, folder: Path, teacher: Path, batch: int, launcher: list[str], baselines: str, more: list[str]
) -> None:
    settings = [
        # torchrun takes --run for an abbreviation of an option of its own, so the run is named in two parts.
        f"name={folder.name}",
        f"teacher.model={teacher}",
        "teacher.finetune=null",
        f"distill.batch_size={batch}",
        "distill.log_steps=1",
        f"distill.baselines=[{baselines}]",
        # 75 rows: the last batch is a small one, of unequal parts.
        "data.train_rows=75",
        "distill.sar.warmup_ratio=0.3",
        *more,
    ]
    overrides = [part for setting in settings for part in ("--set", setting)]
    command = [sys.executable, *launcher, "-m", "ackd_deploy", "distill", str(recipe), *overrides]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--runs", str(folder.parent), "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]


TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
TORCHRUN += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
# accelerate's own way to several processes on a CPU needs MPI; its way to several GPUs starts them as torchrun does.
ACCELERATE = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
ACCELERATE += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "baselines"),
    [(TORCHRUN, "finetune, kd, pkd, rkd, codir, cdl"), (ACCELERATE, "")],
    ids=["torchrun", "accelerate"],
)
def test_two_processes_are_as_one_with_the_doubled_batch(
    tiny_recipe: Path, plain_teacher: Path, tmp_path: Path, launcher: list[str], baselines: str
) -> None:
    more = []
    if not baselines:
        # With 20 rows without labels some batches have labels in one process alone; one chooses the best weights.
        unlabeled = tmp_path / "unlabeled.csv"
        unlabeled.write_text("\n".join(["text", *(f"{row} {SENTENCES[row % 8][0]}" for row in range(20))]))
        more = [f"data.unlabeled={unlabeled}", "data.tuning_rows=10", "distill.select=best"]
    distill(tiny_recipe, tmp_path / "one", plain_teacher, 32, [], baselines, more)
    distill(tiny_recipe, tmp_path / "two", plain_teacher, 16, launcher, baselines, more)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys()
    methods = [*(name for name in baselines.split(", ") if name), "ackd"]
    assert {stage for stage, _ in one} == {f"student-{method}" for method in methods}
    for stage, step in one:
        if step <= 3:
            mine, theirs = one[stage, step], two[stage, step]
            names = {"loss", "ce", "kd", "pkd", "rkd", "codir", "cdl", "grad_norm"}
            names |= {"without_negative", "sar_mean", "sar_effective"}
            assert mine.keys() == theirs.keys()
            assert {"loss", "ce", "grad_norm"} <= mine.keys()
            for name in names & set(mine):
                tolerance = 1e-5 * max(1.0, abs(mine[name]))
                assert theirs[name] == pytest.approx(mine[name], abs=tolerance), (stage, step, name)


@given(st.integers(0, 40), st.integers(1, 5))
def test_every_row_is_somebodys(rows: int, size: int) -> None:
    whole = np.arange(rows)
    parts = [ProcessGroup(rank, size).local_rows(whole) for rank in range(size)]
    assert sorted(np.concatenate(parts).tolist()) == whole.tolist()


def test_alone_nothing_is_exchanged() -> None:
    process_group = ProcessGroup()
    values = torch.randn(2, 3, requires_grad=True)
    gathered = process_group.gather(values, 3, dim=1)
    assert torch.equal(gathered, values)
    assert not gathered.requires_grad
    assert process_group.broadcast({"a": 1}) == {"a": 1}
    assert process_group.any(True, torch.device("cpu"))
    assert not process_group.any(False, torch.device("cpu"))

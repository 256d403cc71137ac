"""Killed anywhere and started again, a run ends with the weights of one that was never interrupted."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ackd_deploy.distill import distill_run
from ackd_deploy.errors import DataError, RunMismatch
from ackd_deploy.files import sha256_file
from ackd_deploy.recipe import load_recipe
from ackd_deploy.run import Run
from tests.training_fixtures import distill_in_pieces

WORKER = Path(__file__).with_name("kill_worker.py")


@pytest.fixture
def frequent(tiny_recipe: Path) -> Path:
    """The tiny recipe with a checkpoint every other step."""
    text = tiny_recipe.read_text(encoding="utf-8")
    text = text.replace("distill:\n", "distill:\n  checkpoint_steps: 2\n  log_steps: 3\n")
    tiny_recipe.write_text(text, encoding="utf-8")
    return tiny_recipe


def weights(folder: Path) -> dict[str, str]:
    names = ("teacher", "student", "baselines/finetune")
    return {name: sha256_file(folder / name / "model.safetensors") for name in names}


def lines(folder: Path) -> list[tuple[str, int, float]]:
    entries = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [(entry["stage"], entry["step"], entry["loss"]) for entry in entries]


def killed(recipe: Path, folder: Path, moments: list[str]) -> list[int]:
    """Exit codes of one process a moment, until one ends by itself."""
    command = [sys.executable, str(WORKER), str(recipe), str(folder), *moments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[int] = json.loads(done.stdout.splitlines()[-1])
    assert 1 not in found, done.stderr[-3000:]
    return found


@pytest.fixture
def reference(frequent: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    run = Run.open(folder, load_recipe(frequent))
    distill_run(run, device="cpu")
    return folder


@pytest.mark.slow
def test_killed_at_random_points_of_its_writes_and_resumed(frequent: Path, tmp_path: Path, reference: Path) -> None:
    folder = tmp_path / "killed"
    chance = random.Random(20261122)
    # A checkpoint takes some ten fsyncs, a stage some forty.
    codes = killed(frequent, folder, [*(f"fsync:{chance.randint(6, 40)}" for _ in range(60)), "never"])
    assert codes[-1] == 0
    assert codes.count(-signal.SIGKILL) == len(codes) - 1 >= 5
    assert weights(folder) == weights(reference)
    assert lines(folder) == lines(reference)


@pytest.mark.slow
def test_killed_at_random_times_and_resumed(frequent: Path, tmp_path: Path, reference: Path) -> None:
    folder = tmp_path / "killed"
    chance = random.Random(7)
    codes = killed(frequent, folder, [*(f"seconds:{chance.uniform(0.2, 1.2):.3f}" for _ in range(8)), "never"])
    assert codes[-1] == 0
    assert codes.count(-signal.SIGALRM) == len(codes) - 1 >= 1
    assert weights(folder) == weights(reference)
    assert lines(folder) == lines(reference)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_says_how_to_go_on(number: signal.Signals, frequent: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    # Long enough that the signal falls into the training.
    arguments = [
        "distill",
        str(frequent),
        "--run",
        str(folder),
        "--device",
        "cpu",
        "--set",
        "teacher.finetune.epochs=200",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "ackd_deploy", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (folder / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopped after step" in said
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    saved = sorted((folder / "checkpoints" / "teacher").glob("step-*"))
    assert saved
    again = subprocess.run(
        [sys.executable, "-m", "ackd_deploy", *arguments, "--set", "distill.epochs=9"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Another recipe is refused, and nothing that was good is touched.
    assert again.returncode == 2
    assert sorted((folder / "checkpoints" / "teacher").glob("step-*")) == saved


def test_stopped_after_any_step_it_ends_with_the_same_weights(frequent: Path, tmp_path: Path, reference: Path) -> None:
    folder = tmp_path / "stopped"
    _, stops = distill_in_pieces(lambda: Run.open(folder, load_recipe(frequent)), after=4, most=60)
    assert stops >= 4
    assert weights(folder) == weights(reference)
    assert lines(folder) == lines(reference)


def test_a_finished_run_does_nothing(new_run, capfd: pytest.CaptureFixture[str]) -> None:
    run = new_run("distill.baselines=[]")
    distill_run(run, device="cpu")
    before = {p: p.stat().st_mtime_ns for p in run.folder.rglob("*") if p.is_file()}
    distill_run(run, device="cpu")
    assert {p: p.stat().st_mtime_ns for p in run.folder.rglob("*") if p.is_file()} == before
    assert "already distilled" in capfd.readouterr().err


def test_damaged_student_weights_are_trained_again(new_run, capfd: pytest.CaptureFixture[str]) -> None:
    run = new_run("distill.baselines=[]")
    distill_run(run, device="cpu")
    file = run.path("student", "model.safetensors")
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    distill_run(run, device="cpu")
    assert "damaged" in capfd.readouterr().err
    assert file.read_bytes() == good


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"])
@pytest.mark.parametrize("folder", ["teacher", "student"])
def test_damage_in_any_file_of_a_model_makes_its_stage_run_again(
    finished: Run, folder: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = finished.path(folder, name)
    good = file.read_bytes()
    file.write_bytes(good + b" ")
    distill_run(finished, device="cpu")
    assert f"{file} is missing or damaged" in capfd.readouterr().err
    assert file.read_bytes() == good


def test_an_edited_readme_is_not_damage(finished: Run, capfd: pytest.CaptureFixture[str]) -> None:
    finished.path("student", "README.md").write_text("mine", encoding="utf-8")
    distill_run(finished, device="cpu")
    assert "already distilled" in capfd.readouterr().err
    assert finished.path("student", "README.md").read_text(encoding="utf-8") == "mine"


@pytest.fixture
def finished(tmp_path: Path, tiny_recipe: Path, tiny_data: Path, tiny_teacher: Path) -> Run:
    """A distilled run over copies of data and teacher that a test may change."""
    shutil.copytree(tiny_data, tmp_path / "data")
    shutil.copytree(tiny_teacher, tmp_path / "model")
    text = tiny_recipe.read_text(encoding="utf-8")
    text = text.replace(str(tiny_data), str(tmp_path / "data")).replace(str(tiny_teacher), str(tmp_path / "model"))
    tiny_recipe.write_text(text, encoding="utf-8")
    overrides = ["distill.baselines=[]", "teacher.finetune.epochs=1", "distill.epochs=1"]
    run = Run.open(tmp_path / "run", load_recipe(tiny_recipe, overrides=overrides))
    distill_run(run, device="cpu")
    return run


def relabel(file: Path) -> None:
    swapped = file.read_text(encoding="utf-8").replace(",negative", ",x").replace(",positive", ",negative")
    file.write_text(swapped.replace(",x", ",positive"), encoding="utf-8")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_finished_run_notices_that_its_data_changed(finished: Run, split: str) -> None:
    before = finished.state
    relabel(finished.folder.parent / "data" / f"{split}.csv")
    with pytest.raises(RunMismatch, match=rf"data\.{split} .*changed") as caught:
        distill_run(finished, device="cpu")
    assert "--fresh" in str(caught.value.hint)
    assert finished.state == before


def test_a_finished_run_notices_that_its_teacher_changed(finished: Run) -> None:
    file = finished.folder.parent / "model" / "config.json"
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(RunMismatch, match=r"teacher\.model .*changed"):
        distill_run(finished, device="cpu")


def test_a_finished_run_notices_that_its_sources_are_gone(finished: Run) -> None:
    shutil.rmtree(finished.folder.parent / "model")
    with pytest.raises(DataError, match=r"teacher\.model"):
        distill_run(finished, device="cpu")


def test_a_run_stopped_in_the_students_stage_keeps_no_teacher_of_old_labels(finished: Run) -> None:
    finished.reset(finished.student)
    relabel(finished.folder.parent / "data" / "train.csv")
    with pytest.raises(RunMismatch, match=r"data\.train"):
        distill_run(finished, device="cpu")


def test_a_run_that_holds_no_work_takes_changed_data(finished: Run) -> None:
    run = Run.open(finished.folder, finished.recipe, fresh=True)
    relabel(finished.folder.parent / "data" / "train.csv")
    relabel(finished.folder.parent / "data" / "validation.csv")
    distill_run(run, device="cpu")
    assert run.is_done(run.student)
    assert run.state.inputs != finished.state.inputs

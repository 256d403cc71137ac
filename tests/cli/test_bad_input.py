"""Bad input: one clear message with a hint, the right exit code, no traceback, and nothing good lost."""

import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ackd_deploy.cli import cli
from ackd_deploy.run import Run


def distill(recipe, runs, *overrides):
    arguments = ["distill", str(recipe), "--runs", str(runs), "--device", "cpu"]
    for override in overrides:
        arguments += ["--set", override]
    return CliRunner().invoke(cli, arguments)


def check(result, code, *texts):
    assert result.exit_code == code, (result.stderr, result.exception)
    assert "Traceback" not in result.stderr
    assert "error: " in result.stderr
    assert "hint: " in result.stderr
    for text in texts:
        assert text in result.stderr


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("text,label\na,x\nb,x\nc,x\n", ["one class"]),
        ("text,label\na,x\n,y\n   ,x\n", ["empty", "3", "4"]),
        ("text,label\na,x\nb,\nc,y\n", ["label", "3"]),
        ("sentence,label\na,x\nb,y\n", ["no column", "text"]),
        ("text,label\n", ["no rows"]),
        ("", [""]),
    ],
    ids=["one-class", "empty-texts", "missing-label", "missing-column", "no-rows", "empty-file"],
)
def test_bad_training_file(tiny_recipe, tmp_path, content, texts):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    check(distill(tiny_recipe, tmp_path / "runs", f"data.train={path}"), 5, "bad.csv", *texts)


def test_labels_that_are_no_strings(tiny_recipe, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in [{"text": "a", "label": ["x"]}, {"text": "b", "label": {}}]))
    check(distill(tiny_recipe, tmp_path / "runs", f"data.train={path}"), 5, "bad.jsonl", "label")


def test_missing_file_names_it(tiny_recipe, tmp_path):
    check(distill(tiny_recipe, tmp_path / "runs", f"data.train={tmp_path}/none.csv"), 5, "none.csv")


def test_labels_that_the_teacher_does_not_know(tiny_recipe, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("text,label\n" + "".join(f"text {n},{'good' if n % 2 else 'bad'}\n" for n in range(20)))
    result = distill(
        tiny_recipe,
        tmp_path / "runs",
        "teacher.finetune=null",
        f"data.train={path}",
        f"data.validation={path}",
    )
    check(result, 5, "good", "negative")


def test_teacher_without_weights(tiny_recipe, tiny_teacher, tmp_path):
    folder = shutil.copytree(tiny_teacher, tmp_path / "teacher")
    (folder / "model.safetensors").unlink()
    check(distill(tiny_recipe, tmp_path / "runs", f"teacher.model={folder}"), 5, str(folder), "model.safetensors")


def test_teacher_with_pickled_weights_alone(tiny_recipe, tiny_teacher, tmp_path):
    folder = shutil.copytree(tiny_teacher, tmp_path / "teacher")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    check(distill(tiny_recipe, tmp_path / "runs", f"teacher.model={folder}"), 5, "safetensors")


def test_teacher_on_a_hub_that_cannot_be_reached(tiny_recipe, tmp_path):
    result = distill(tiny_recipe, tmp_path / "runs", "teacher.model=google-bert/bert-base-uncased")
    check(result, 4, "google-bert/bert-base-uncased", "teacher.model=DIR")


def test_after_an_unreachable_hub_the_hint_can_be_followed(tiny_recipe, tiny_teacher, tmp_path):
    assert distill(tiny_recipe, tmp_path / "runs", "teacher.model=google-bert/bert-base-uncased").exit_code == 4
    assert distill(tiny_recipe, tmp_path / "runs", f"teacher.model={tiny_teacher}").exit_code == 0


def test_data_on_a_hub_that_cannot_be_reached(tiny_recipe, tmp_path):
    result = distill(tiny_recipe, tmp_path / "runs", "data.train={hub: nyu-mll/glue, config: sst2, split: train}")
    check(result, 4, "nyu-mll/glue", "data.train=FILE")


def test_disk_that_takes_no_more(tiny_recipe, tmp_path):
    # 64 KB a file: enough for the run's manifest, too little for its models.
    limited = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh", sys.executable, "-m", "ackd_deploy"]
    command = [*limited, "distill", str(tiny_recipe), "--runs", str(tmp_path / "runs"), "--device", "cpu"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert answer.returncode == 4, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "free disk space" in answer.stderr


def test_device_that_is_not_there(tiny_recipe, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    arguments = ["distill", str(tiny_recipe), "--runs", str(tmp_path / "runs"), "--device", "cuda"]
    check(CliRunner().invoke(cli, arguments), 4, "cuda")


def test_run_of_another_recipe(tiny_recipe, tmp_path):
    assert distill(tiny_recipe, tmp_path / "runs").exit_code == 0
    before = {p: p.read_bytes() for p in (tmp_path / "runs").rglob("*") if p.is_file()}
    check(
        distill(tiny_recipe, tmp_path / "runs", "student.layers=1"), 2, "student.layers: 2 in the run, 1 now", "--fresh"
    )
    assert {p: p.read_bytes() for p in (tmp_path / "runs").rglob("*") if p.is_file()} == before


def test_locked_run(tiny_recipe, tmp_path):
    assert distill(tiny_recipe, tmp_path / "runs").exit_code == 0
    with Run.load(tmp_path / "runs" / "tiny").lock():
        check(distill(tiny_recipe, tmp_path / "runs"), 4, "another process")


def test_half_written_run(tiny_recipe, tmp_path):
    assert distill(tiny_recipe, tmp_path / "runs").exit_code == 0
    manifest = tmp_path / "runs" / "tiny" / "run.json"
    manifest.write_text(manifest.read_text()[:100])
    check(distill(tiny_recipe, tmp_path / "runs"), 6, "run.json")
    assert (tmp_path / "runs" / "tiny" / "student" / "model.safetensors").is_file()


def test_finished_student_that_was_damaged_is_not_exported(tiny_recipe, tmp_path):
    assert distill(tiny_recipe, tmp_path / "runs").exit_code == 0
    weights = tmp_path / "runs" / "tiny" / "student" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    result = CliRunner().invoke(cli, ["export", "--onnx", "--runs", str(tmp_path / "runs")])
    assert result.exit_code == 6, (result.stderr, result.exception)
    assert "model.safetensors" in result.stderr
    assert not (tmp_path / "runs" / "tiny" / "artifact").exists()


def test_teacher_with_truncated_weights(tiny_recipe, tiny_teacher, tmp_path):
    folder = shutil.copytree(tiny_teacher, tmp_path / "teacher")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    check(distill(tiny_recipe, tmp_path / "runs", f"teacher.model={folder}"), 5, str(folder), "model.safetensors")

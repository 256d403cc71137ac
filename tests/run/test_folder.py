"""A run's folder: resumed, refused, locked, damaged."""

import json
import multiprocessing
import os
import re
import time

import pytest

from ackd_deploy.errors import ArtifactError, RunLocked, RunMismatch, UsageError
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import EXPORT, TEACHER, Run, newest_run, student_stage
from tests.records import bank_record, export_record, model_record, student_record

STUDENT = student_stage("ackd")
BANK_RECORD = bank_record().model_dump(mode="json")


def state_with(stages):
    plain = {"schema_version": 3, "name": "r", "created": "", "seed": 1, "versions": {}}
    return json.dumps({**plain, "stages": stages})


def recipe(extra=""):
    return parse_recipe(f"name: r\ndata: {{train: a, validation: b}}\nteacher: {{model: m}}\n{extra}")


def test_stages_survive_a_reload(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    run.start(TEACHER)
    assert not Run.load(run.folder).is_done(TEACHER)
    run.finish(TEACHER, model_record(metrics={"accuracy": 0.5}))
    again = Run.open(run.folder, recipe())
    assert again.is_done(TEACHER)
    assert again.record(TEACHER) == model_record(metrics={"accuracy": 0.5})
    assert again.record(TEACHER).value == 0.5
    assert again.recipe == recipe()


def test_starting_a_stage_again_forgets_what_it_found(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    run.finish(TEACHER, model_record())
    run.start(TEACHER)
    assert Run.load(run.folder).find(TEACHER) is None


def test_failed_stage_keeps_what_it_found_and_is_not_done(tmp_path):
    run = Run.open(tmp_path / "a", recipe())
    run.start(EXPORT)
    run.fail(EXPORT, export_record(chosen=None))
    again = Run.load(tmp_path / "a")
    assert not again.is_done(EXPORT)
    assert EXPORT not in again.stages()
    assert again.record(EXPORT) == export_record(chosen=None)
    again.start(EXPORT)
    with pytest.raises(LookupError, match="export"):
        again.record(EXPORT)


def test_another_recipe_is_refused_with_its_keys(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    run.finish(TEACHER, model_record())
    with pytest.raises(RunMismatch) as error:
        Run.open(run.folder, recipe("student: {layers: 2}\ndistill: {epochs: 2}"))
    assert "distill.epochs: 3.0 in the run, 2.0 now" in error.value.message
    assert "student.layers: 4 in the run, 2 now" in error.value.message
    assert Run.load(run.folder).recipe == recipe()


def test_another_recipe_over_a_run_that_did_nothing_yet_is_taken(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    run.start(TEACHER)
    again = Run.open(run.folder, recipe("seed: 7\nstudent: {layers: 2}"))
    assert again.recipe.student.layers == 2
    assert Run.load(run.folder).recipe == again.recipe
    assert Run.load(run.folder).state.seed == 7
    assert Run.load(run.folder).entries() == {}


def test_another_recipe_over_a_half_trained_stage_is_refused(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    run.start(TEACHER)
    run.path("checkpoints", "teacher").mkdir(parents=True)
    with pytest.raises(RunMismatch):
        Run.open(run.folder, recipe("student: {layers: 2}"))


def test_changed_gates_redo_the_export_and_keep_the_training(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    run.finish(STUDENT, model_record(student=student_record()))
    run.finish(EXPORT, export_record())
    run = Run.open(run.folder, recipe("gates: {max_accuracy_drop: 1}"))
    assert run.is_done(STUDENT)
    assert not run.is_done(EXPORT)
    assert Run.load(run.folder).recipe.gates.max_accuracy_drop == 1


def test_fresh_starts_over(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    run.finish(TEACHER, model_record())
    (run.folder / "student").mkdir()
    run = Run.open(run.folder, recipe("seed: 1"), fresh=True)
    assert run.stages() == []
    assert not (run.folder / "student").exists()


def test_fresh_never_empties_a_folder_that_is_no_run(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not a run"):
        Run.open(tmp_path, recipe(), fresh=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", "{"),
        ("run.json", "[]"),
        ("run.json", '{"stages": {}}'),
        ("run.json", '{"schema_version": true, "stages": {}}'),
        ("run.json", state_with({"distilled": {"state": "done", "started": ""}})),
        ("run.json", state_with({"teacher": {"state": "ended", "started": ""}})),
        ("run.json", state_with({"teacher": {"state": "done", "started": "", "record": BANK_RECORD}})),
        ("recipe.yaml", "data: ["),
        ("recipe.yaml", ""),
    ],
)
def test_damaged_run_is_said_and_left_alone(tmp_path, name, content):
    run = Run.open(tmp_path / "r", recipe())
    (run.folder / name).write_text(content)
    with pytest.raises(ArtifactError, match=rf"cannot be read: .*{re.escape(name)}") as error:
        Run.open(run.folder, recipe())
    assert "restore the file from a backup" in error.value.hint
    assert (run.folder / name).read_text() == content


@pytest.mark.parametrize(("key", "version"), [("schema", 1), ("schema_version", 2)])
def test_run_of_another_version_is_told_from_a_damaged_one(tmp_path, key, version):
    run = Run.open(tmp_path / "r", recipe())
    content = f'{{"{key}": {version}, "name": "r", "stages": {{"teacher": {{"state": "done", "seconds": 0.0}}}}}}'
    (run.folder / "run.json").write_text(content)
    words = rf"another version of ackd-deploy wrote .*run\.json \(schema version {version}; this one reads 3\)"
    with pytest.raises(ArtifactError, match=words) as error:
        Run.load(run.folder)
    assert "the version that made it" in error.value.hint
    assert "backup" not in error.value.hint
    assert (run.folder / "run.json").read_text() == content
    assert Run.open(run.folder, recipe(), fresh=True).stages() == []


def _hold(folder, ready):
    with Run.load(folder).lock():
        ready.set()
        time.sleep(60)


def test_second_process_is_kept_out_until_the_first_dies(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(run.folder, ready))
    holder.start()
    try:
        assert ready.wait(30)
        with pytest.raises(RunLocked), run.lock():
            pass
    finally:
        holder.kill()
        holder.join()
    with run.lock():
        pass


def test_blocked_pipe_inside_the_lock_is_no_other_process(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    with pytest.raises(BlockingIOError, match="a full pipe"), run.lock():
        raise BlockingIOError("a full pipe")
    with run.lock():
        pass


def test_newest_run_is_the_one_that_ended_last(tmp_path, monkeypatch):
    times = iter(f"2026-01-01T00:00:{n:02d}+00:00" for n in range(60))
    monkeypatch.setattr("ackd_deploy.run.folder.now", lambda: next(times))
    first = Run.open(tmp_path / "b", recipe())
    second = Run.open(tmp_path / "a", recipe())
    second.finish(STUDENT, model_record(student=student_record()))
    first.finish(STUDENT, model_record(student=student_record()))
    assert newest_run(tmp_path, having="student").folder == first.folder
    second.finish(EXPORT, export_record())
    assert newest_run(tmp_path).folder == second.folder
    assert newest_run(tmp_path, having="artifact").folder == second.folder


def test_no_run_says_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match="no finished run") as error:
        newest_run(tmp_path, having="student")
    assert "distill RECIPE" in error.value.hint


def test_damaged_run_does_not_hide_the_others(tmp_path):
    good = Run.open(tmp_path / "good", recipe())
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{")
    assert newest_run(tmp_path).folder == good.folder


def test_records_hold_finite_figures_and_stages_their_names(tmp_path):
    run = Run.open(tmp_path / "r", recipe())
    with pytest.raises(ValueError, match="finite"):
        model_record(peak_memory_mb=float("nan"))
    run.finish(student_stage("kd", 3), model_record(student=student_record("kd")))
    assert [stage.name for stage in Run.load(run.folder).stages()] == ["student-kd-seed3"]
    assert run.predictions(student_stage("kd", 3)) == run.folder / "predictions" / "kd-seed3.safetensors"


@pytest.mark.parametrize("name", [".env", ".git", "notes.txt"])
def test_fresh_never_removes_what_no_run_writes(tmp_path, name):
    run = Run.open(tmp_path / "r", recipe())
    run.finish(TEACHER, model_record())
    (run.folder / name).write_text("somebody's")
    with pytest.raises(UsageError, match=name):
        Run.open(run.folder, recipe("seed: 1"), fresh=True)
    assert (run.folder / name).read_text() == "somebody's"
    assert Run.load(run.folder).is_done(TEACHER)


def test_a_folder_with_dotfiles_alone_is_no_place_for_a_run(tmp_path):
    (tmp_path / ".env").write_text("KEY=1")
    with pytest.raises(UsageError, match=r"\.env"):
        Run.open(tmp_path, recipe())
    assert [entry.name for entry in tmp_path.iterdir()] == [".env"]


@pytest.mark.timeout(20)
def test_a_recipe_that_is_a_pipe_or_endless_is_damage(tmp_path):
    folder = tmp_path / "r"
    Run.open(folder, recipe())
    path = folder / "recipe.yaml"
    for make in (os.mkfifo, lambda place: place.symlink_to("/dev/zero")):
        path.unlink()
        make(path)
        with pytest.raises(ArtifactError, match="not a regular file"):
            Run.load(folder)

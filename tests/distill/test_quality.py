"""A teacher at chance ends the run before the student; a student that learned nothing ends it after; both resume."""

from __future__ import annotations

from typing import Any

import pytest

from ackd_deploy.distill import distill_run
from ackd_deploy.errors import GateFailed
from ackd_deploy.export import export_run
from ackd_deploy.run import BASELINES, TEACHER, Run
from ackd_deploy.run.records import CONSTANT

# The tiny recipe turns the gates off; here they stand as they do without it.
JUDGED = ("gates.above_chance=true", "gates.max_drop_from_teacher=25.0", "gates.min_per_class=0.0")
LEARNS = ("teacher.finetune.epochs=10", "teacher.finetune.learning_rate=3e-3", "distill.baselines=[]")


def test_a_teacher_at_chance_is_refused_before_the_student(new_run: Any) -> None:
    # So small a rate leaves the random teacher as it is: it answers one class to every row.
    lost = ("teacher.finetune.learning_rate=1e-12", "distill.baselines=[]")
    run: Run = new_run(*JUDGED, *lost)
    with pytest.raises(GateFailed, match="the teacher does not pass") as caught:
        distill_run(run, device="cpu")
    assert caught.value.exit_code == 3
    assert "accuracy 50.0 %, always 'negative' 50.0 %" in caught.value.message
    assert run.stages() == [BASELINES, TEACHER]
    baselines = run.record(BASELINES)
    constant = baselines.find(CONSTANT)
    assert constant is not None
    assert (constant.name, constant.answer, constant.metrics["accuracy"]) == ("always 'negative'", "negative", 0.5)
    (verdict,) = run.record(TEACHER).gates
    assert (verdict.gate, verdict.verdict, verdict.n) == ("above chance", "fail", 32)
    # The teacher was kept: with the gate off, openly, the same run goes on from it.
    trained = run.record(TEACHER).training
    run = new_run(*lost)
    distill_run(run, device="cpu")
    assert run.record(TEACHER).training == trained
    assert run.record(TEACHER).gates[0].verdict == "info"
    assert run.is_done(run.student)


def test_a_student_that_learned_nothing_ends_the_run_and_its_export(new_run: Any) -> None:
    run: Run = new_run(*JUDGED, *LEARNS, "distill.learning_rate=1e-12", "student.init=random")
    for _ in range(2):
        # The same command again says it again; nothing is trained twice.
        with pytest.raises(GateFailed, match=r"the student \(ackd\) does not pass") as caught:
            distill_run(run, device="cpu")
    assert run.is_done(run.student)
    assert "above chance: accuracy" in caught.value.message
    assert "drop from the teacher: 50" in caught.value.message
    assert "never found: '" in caught.value.message
    with pytest.raises(GateFailed, match="the student does not pass"):
        export_run(run)
    assert not run.path("artifact").exists()


def test_what_has_learned_passes_and_says_so(new_run: Any) -> None:
    run: Run = new_run(*JUDGED, *LEARNS, "distill.epochs=6", "distill.learning_rate=3e-3")
    distill_run(run, device="cpu")
    student = run.record(run.student)
    assert {gate.gate: gate.verdict for gate in student.gates} == {
        "above chance": "pass",
        "drop from the teacher": "pass",
        "recall of each class": "pass",
    }
    assert student.per_class is not None
    assert [(entry.label, entry.labeled) for entry in student.per_class.classes] == [("negative", 16), ("positive", 16)]


def test_where_thresholds_will_decide_the_verdict_is_the_export_s(new_run: Any, capsys: Any) -> None:
    tuned = ("data.tuning_rows=16", "export.thresholds=tune")
    run: Run = new_run(*JUDGED, *LEARNS, *tuned, "distill.learning_rate=1e-12", "student.init=random")
    distill_run(run, device="cpu")
    assert "warning: the student (ackd) does not pass" in capsys.readouterr().err
    assert run.record(run.student).gates[0].verdict == "fail"

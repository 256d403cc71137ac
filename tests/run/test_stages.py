import pytest

from ackd_deploy.run.records import BankRecord, ExportRecord, ModelRecord
from ackd_deploy.run.stages import BANK, EXPORT, TEACHER, parse_stage, student_stage


@pytest.mark.parametrize(
    ("stage", "name", "model", "record"),
    [
        (TEACHER, "teacher", "teacher", ModelRecord),
        (BANK, "bank", "bank", BankRecord),
        (EXPORT, "export", "export", ExportRecord),
        (student_stage("ackd"), "student-ackd", "ackd", ModelRecord),
        (student_stage("kd", 12), "student-kd-seed12", "kd-seed12", ModelRecord),
        (student_stage("low-weight", 1), "student-low-weight-seed1", "low-weight-seed1", ModelRecord),
    ],
)
def test_names_are_written_and_read_in_one_place(stage, name, model, record):
    assert (stage.name, str(stage), stage.model, stage.record) == (name, name, model, record)
    assert parse_stage(name) == stage


@pytest.mark.parametrize("name", ["", "student", "student-", "teachers", "exported"])
def test_other_names_are_no_stage(name):
    with pytest.raises(ValueError, match="no stage"):
        parse_stage(name)

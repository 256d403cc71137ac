"""The stages of a run, each with the type of the record that it leaves; one place writes and reads their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ackd_deploy.run.records import BankRecord, BaselinesRecord, ExportRecord, ModelRecord, Record

__all__ = ["BANK", "BASELINES", "EXPORT", "TEACHER", "Stage", "parse_stage", "student_stage"]

R = TypeVar("R", bound=Record)
_STUDENT = re.compile(r"student-(?P<method>.+?)(-seed(?P<seed>\d+))?")


@dataclass(frozen=True)
class Stage(Generic[R]):
    """One stage of a run.

    Attributes:
        name: its key in run.json, such as ``student-ackd``.
        record: the type of what it records.
    """

    name: str
    record: type[R]

    @property
    def model(self) -> str:
        """The name of the model that the stage makes, as tables and files have it: ``student-kd`` makes ``kd``."""
        return self.name.removeprefix("student-")

    def __str__(self) -> str:
        return self.name


TEACHER = Stage("teacher", ModelRecord)
BASELINES = Stage("baselines", BaselinesRecord)
BANK = Stage("bank", BankRecord)
EXPORT = Stage("export", ExportRecord)


def student_stage(method: str, seed: int | None = None) -> Stage[ModelRecord]:
    """Return the stage that trains a student by a method; with a seed, that of an ablation's training.

    >>> student_stage("ackd").name, student_stage("kd", 3).name, student_stage("kd", 3).model
    ('student-ackd', 'student-kd-seed3', 'kd-seed3')
    """
    return Stage(f"student-{method}" + ("" if seed is None else f"-seed{seed}"), ModelRecord)


def parse_stage(name: str) -> Stage[Any]:
    """Return the stage of a name in run.json.

    Raises:
        ValueError: there is no such stage.
    """
    for stage in (BASELINES, TEACHER, BANK, EXPORT):
        if stage.name == name:
            return stage
    if (found := _STUDENT.fullmatch(name)) is None:
        raise ValueError(f"there is no stage {name!r}")
    seed = found["seed"]
    return student_stage(found["method"], None if seed is None else int(seed))

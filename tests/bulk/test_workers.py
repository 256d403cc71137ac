"""Processes that write parts; each is a real one."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from ackd_deploy.bulk.job import Part
from ackd_deploy.bulk.workers import written_by_workers
from ackd_deploy.errors import DataError, EnvironmentProblem


def make(folder: Path):
    (folder / f"loaded-{os.getpid()}").touch()
    return partial(write, folder)


def write(folder: Path, index: int, items):
    if items == ["die"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if items == ["refuse"]:
        raise DataError("no such text", hint="mend it")
    if items == ["bug"]:
        raise KeyError("a bug")
    (folder / f"part-{index}-{os.getpid()}").touch()
    return Part(sha256="", taken=len(items), written=index, skipped=[])


def test_each_loads_once_and_all_parts_are_written_once(tmp_path):
    work = ((index, ["a"] * index) for index in range(20))
    parts = list(written_by_workers(partial(make, tmp_path), work, 2))
    assert sorted((part.written, part.taken) for part in parts) == [(index, index) for index in range(20)]
    assert len(list(tmp_path.glob("loaded-*"))) <= 2
    assert len(list(tmp_path.glob("part-*"))) == 20


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("die", EnvironmentProblem, "a worker process was killed by signal 9"),
        ("refuse", DataError, "no such text"),
        ("bug", RuntimeError, "a bug"),
    ],
)
def test_what_goes_wrong_in_one_is_told(tmp_path, what, error, message):
    work = [(0, ["a"]), (1, [what])]
    with pytest.raises(error, match=message) as caught:
        list(written_by_workers(partial(make, tmp_path), iter(work), 1))
    if what == "refuse":
        assert caught.value.hint == "mend it"
    # What was done before is there.
    assert len(list(tmp_path.glob("part-0-*"))) == 1

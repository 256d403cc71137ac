"""A folder of Parquet files: by processes of our own, and by Ray where it is installed."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from ackd_deploy.bulk import FileJob, Source, Written, predict_folder
from ackd_deploy.bulk.columns import TextColumns
from ackd_deploy.bulk.job import Part
from ackd_deploy.bulk.units import find_units, read_unit
from ackd_deploy.errors import DataError, MissingExtra, RunMismatch, UsageError
from ackd_deploy.runtime import Classifier
from tests.artifact_builder import SENTENCES

TEXT = TextColumns("text", None)


def write_folder(folder, sizes, row_group_size=20):
    """Files in another order than that of their names; ids count rows in the order of names."""
    folder.mkdir()
    first = 0
    for name, size in zip("abcdefgh", sizes, strict=False):
        ids = range(first, first + size)
        texts = pyarrow.array([f"{SENTENCES[n % 8]} {n}" for n in ids], pyarrow.string())
        table = pyarrow.table({"id": pyarrow.array(ids, pyarrow.int32()), "text": texts})
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet", row_group_size=row_group_size)
        first += size
    return folder


@pytest.fixture
def job(tiny_artifact, tmp_path):
    source = write_folder(tmp_path / "in", [50, 0, 33])
    return FileJob(Source(tiny_artifact, threads=1), source, tmp_path / "out", part_rows=1)


def table_of(folder):
    return pyarrow.concat_tables([pyarrow.parquet.read_table(file) for file in sorted(folder.iterdir())])


def test_units_cover_each_row_once_and_in_order(tmp_path):
    folder = write_folder(tmp_path / "in", [50, 0, 33])
    (folder / "notes.txt").write_text("no table")
    found = find_units(folder, TEXT, 16)
    assert [(u.file.name, u.row_group, u.start, u.stop) for u in found.units][:4] == [
        ("a.parquet", 0, 0, 16), ("a.parquet", 0, 16, 20), ("a.parquet", 1, 0, 16), ("a.parquet", 1, 16, 20),
    ]  # fmt: skip
    items = [item for unit in found.units for item in read_unit(unit, TEXT, skip=False)]
    assert [item.record["id"] for item in items] == list(range(83))
    assert [item.number for item in items] == [*range(1, 51), *range(1, 34)]


def test_the_fingerprint_sees_what_changes(tmp_path):
    folder = write_folder(tmp_path / "in", [50, 33])
    before = find_units(folder, TEXT, 16).fingerprint
    assert find_units(folder, TEXT, 99).fingerprint == before
    table = pyarrow.parquet.read_table(folder / "a.parquet")
    changed = table.set_column(1, "text", pyarrow.array(["zz", *table["text"].to_pylist()[1:]]))
    pyarrow.parquet.write_table(changed, folder / "a.parquet", row_group_size=20)
    assert find_units(folder, TEXT, 16).fingerprint != before


def test_files_that_are_no_one_table(tmp_path):
    folder = write_folder(tmp_path / "in", [5, 5])
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"]}), folder / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet has other columns or types than"):
        find_units(folder, TEXT, 16)
    with pytest.raises(DataError, match="no column 'sentence'"):
        find_units(folder, TextColumns("sentence", None), 16)
    (folder / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        find_units(folder, TEXT, 16)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no \.parquet file"):
        find_units(tmp_path / "empty", TEXT, 16)


def test_rows_out_are_rows_in_in_their_order(job, tiny_artifact):
    assert predict_folder(job) == Written(83, 0)
    found = table_of(job.output)
    assert found["id"].to_pylist() == list(range(83))
    assert found.schema.field("id").type == pyarrow.int32()
    expected = Classifier.load(tiny_artifact, threads=1).classify(found["text"].to_pylist())
    assert found["label"].to_pylist() == [answer.label for answer in expected]
    assert not job.output.with_name("out.parts").exists()
    with pytest.raises(UsageError, match="is there already"):
        predict_folder(job)


def test_stopped_it_goes_on(job, monkeypatch, tmp_path):
    predict_folder(replace(job, output=tmp_path / "unbroken"))
    whole, calls = Classifier.classify, []

    def classify(self, texts, batch_size=32):
        calls.append(len(texts))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(self, texts, batch_size)

    monkeypatch.setattr(Classifier, "classify", classify)
    with pytest.raises(KeyboardInterrupt):
        predict_folder(job)
    assert not job.output.exists()
    with pytest.raises(RunMismatch, match="differs in prefix"):
        predict_folder(replace(job, prefix="x_"))
    predict_folder(job)
    # Six row groups of 20, 20, 10 and 20, 13 rows, cut at 16: eight units, of which three were done.
    assert len(calls) == 4 + 5
    assert table_of(job.output).equals(table_of(tmp_path / "unbroken"))


def test_rows_that_cannot_be_used(job):
    pyarrow.parquet.write_table(
        pyarrow.table({"id": pyarrow.array([1, 2], pyarrow.int32()), "text": ["a", " "]}), job.input / "b.parquet"
    )
    with pytest.raises(DataError, match=r"b\.parquet, row 2: empty text in column 'text'"):
        predict_folder(job)
    assert predict_folder(replace(job, on_error="skip", fresh=True)) == Written(84, 1)
    assert job.skipped.read_text() == "file,row,reason\nb.parquet,2,empty text in column 'text'\n"


def test_without_ray(job, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra) as caught:
        predict_folder(replace(job, engine="ray"))
    assert caught.value.hint == "pip install 'ackd-deploy[ray]'"


def slow_make(folder: Path):
    return partial(slow_write, folder)


def slow_write(folder: Path, index: int, content: str) -> Part:
    (folder / f"{index}-{os.getpid()}").touch()
    time.sleep(0.3)
    return Part(sha256=content, taken=1, written=index, skipped=[])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_with_one_of_two_workers_killed(job, tmp_path):
    """Rows out equal rows in, and are those of our own processes; an actor that is killed loses no part."""
    pytest.importorskip("ray", reason="Ray is not installed: --engine ray is not tested here")
    import ray

    from ackd_deploy.bulk.ray_workers import written_by_ray

    started = tmp_path / "started"
    started.mkdir()
    killed = []

    def kill_one() -> None:
        while len(list(started.iterdir())) < 3:
            time.sleep(0.02)
        killed.append(int(max(started.iterdir(), key=lambda file: file.stat().st_mtime_ns).name.split("-")[1]))
        os.kill(killed[0], signal.SIGKILL)

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        thread = threading.Thread(target=kill_one)
        thread.start()
        work = [(index, str(index)) for index in range(12)]
        parts = list(written_by_ray(partial(slow_make, started), work, 2))
        thread.join()
        assert sorted((part.written, part.sha256) for part in parts) == work_of(12)
        pids = {int(file.name.split("-")[1]) for file in started.iterdir()}
        assert killed[0] in pids
        assert len(pids) >= 3
        predict_folder(job)
        by_ray = replace(job, output=tmp_path / "ray", engine="ray", workers=2)
        assert predict_folder(by_ray) == Written(83, 0)
        assert table_of(by_ray.output).equals(table_of(job.output))
        bad = replace(by_ray, output=tmp_path / "bad", text_column="id")
        with pytest.raises(DataError, match=r"a\.parquet, row 1: no string but int in column 'id'"):
            predict_folder(bad)
    finally:
        ray.shutdown()


def work_of(count):
    return sorted((index, str(index)) for index in range(count))

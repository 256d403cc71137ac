"""Whole files: every format, order, types, mistakes; stopped at any point, the rest is the same as without a stop."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from ackd_deploy.bulk import FileJob, Source, Written, predict_file
from ackd_deploy.bulk.job import JobFolder
from ackd_deploy.errors import ArtifactError, DataError, MissingExtra, RunLocked, RunMismatch, UsageError
from ackd_deploy.files import write_bytes
from ackd_deploy.runtime import Classifier
from tests.artifact_builder import SENTENCES, build_artifact

NASTY = [
    'a "quoted", text',
    "emoji 😀 and é",
    "a tab\there",
    "two\nlines",
    "nul\0inside",
    "\ufeffmark",
    ";|'",
    " spaces ",
]
TEXTS = [f"{text} {number}" for number, text in enumerate([*SENTENCES, *NASTY] * 2)]


@pytest.fixture
def job(tiny_artifact, tmp_path):
    source = tmp_path / "in.jsonl"
    rows = [{"id": number, "text": text, "x": [number]} for number, text in enumerate(TEXTS)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FileJob(Source(tiny_artifact, threads=1), source, tmp_path / "out.jsonl", part_rows=5)


@pytest.fixture(scope="module")
def expected(tiny_artifact):
    return [answer.label for answer in Classifier.load(tiny_artifact, threads=1).classify(TEXTS)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def counted(monkeypatch, stop_after=None):
    """Count the texts that are classified; after so many parts, end as Ctrl-C does."""
    calls = []
    whole = Classifier.classify

    def classify(self, texts, batch_size=32):
        if stop_after is not None and len(calls) == stop_after:
            raise KeyboardInterrupt
        calls.append(len(texts))
        return whole(self, texts, batch_size)

    monkeypatch.setattr(Classifier, "classify", classify)
    return calls


def test_columns_pass_through_with_the_answers_behind_them(job, expected):
    assert predict_file(job) == Written(len(TEXTS), 0)
    found = lines(job.output)
    assert [(row["id"], row["text"], row["x"]) for row in found] == [(n, t, [n]) for n, t in enumerate(TEXTS)]
    assert [row["label"] for row in found] == expected
    assert list(found[0]) == ["id", "text", "x", "label", "score", "labels", "scores", "truncated", "num_tokens"]
    assert sorted(path.name for path in job.output.parent.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "ndjson", "json", "parquet"])
def test_each_format_into_each(job, ending, tmp_path, expected):
    """By way of every format, the columns, their types where the format has any, and the answers are the same."""
    skipping = replace(job, on_error="skip")
    there = replace(skipping, output=tmp_path / f"there.{ending}")
    # The texts with a tab or a line end are what a .tsv cannot hold.
    held = [n for n, text in enumerate(TEXTS) if ending != "tsv" or not {"\t", "\n"} & set(text)]
    assert predict_file(there) == Written(len(held), len(TEXTS) - len(held))
    assert len(there.skipped.read_text().splitlines()) == 1 + len(TEXTS) - len(held)
    back = replace(job, input=there.output, output=tmp_path / "back.jsonl", prefix="again_")
    assert predict_file(back) == Written(len(held), 0)
    found = lines(back.output)
    typed = ending in ("ndjson", "json")
    for row, number in zip(found, held, strict=True):
        assert row["text"] == TEXTS[number]
        assert row["id"] == (number if typed or ending == "parquet" else str(number))
        assert row["x"] == ([number] if typed else f"[{number}]")
        assert row["label"] == row["again_label"] == expected[number]
        assert row["again_scores"].keys() == {"negative", "positive"}


def test_plain_lines(job, tmp_path, expected):
    source = tmp_path / "in.txt"
    source.write_text("\n".join(SENTENCES))
    predict_file(replace(job, input=source))
    assert [row["text"] for row in lines(job.output)] == SENTENCES


def test_gold_labels_stay(job, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("label;text\n1;a film\n0;an, other\n")
    predict_file(replace(job, input=source, output=tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert (first["label"], second["text"]) == ("1", "an, other")
    assert first["predicted_label"] in ("negative", "positive")
    assert json.loads(first["predicted_scores"]).keys() == {"negative", "positive"}


def test_pairs_and_the_artifacts_own_column_names(tmp_path, artifact_scratch):
    artifact = build_artifact(tmp_path / "a", artifact_scratch, pairs=True)
    content = json.loads((artifact / "ackd.json").read_text())
    (artifact / "ackd.json").write_text(json.dumps({**content, "columns": {"text": "q", "text_pair": "a"}}))
    (tmp_path / "in.csv").write_text("a,q,id\none,two,7\n")
    predict_file(FileJob(Source(artifact, threads=1), tmp_path / "in.csv", tmp_path / "out.jsonl"))
    (row,) = lines(tmp_path / "out.jsonl")
    (answer,) = Classifier.load(artifact, threads=1).classify([("two", "one")])
    assert (row["id"], row["label"], row["num_tokens"]) == ("7", answer.label, answer.num_tokens)


def test_nothing_is_begun_of_a_file_with_mistakes(job):
    job.input.write_text('{"text": "fine"}\n{"text": 3}\n{"text": ""}\n')
    job.output.write_text("older")
    with pytest.raises(DataError) as caught:
        predict_file(job)
    assert "no string but int in column 'text': line 2" in caught.value.message
    assert "empty text in column 'text': line 3" in caught.value.message
    assert job.output.read_text() == "older"
    assert sorted(path.name for path in job.output.parent.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_skipped_records_are_listed(job):
    job.input.write_text('{"text": "fine"}\n{"text": 3}\n\n{\n{"text": "good", "id": "\\ud83d"}\n[1]\n')
    there = replace(job, on_error="skip", output=job.output.with_suffix(".csv"), part_rows=2)
    assert predict_file(there) == Written(1, 4)
    assert there.skipped.read_text().splitlines() == [
        "line,reason",
        "2,no string but int in column 'text'",
        "4,not valid JSON: Expecting property name enclosed in double quotes",
        "5,half a surrogate pair in column 'id'",
        '6,"a JSON object is expected, such as {""text"": ...}"',
    ]


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_stopped_anywhere_it_goes_on(job, monkeypatch, tmp_path, ending):
    job.input.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(SENTENCES * 3)))
    job = replace(job, output=tmp_path / f"out.{ending}")
    predict_file(job)
    unbroken = job.output.read_bytes()
    job.output.unlink()
    for stop_after in (2, 1):
        with monkeypatch.context() as patch:
            counted(patch, stop_after)
            with pytest.raises(KeyboardInterrupt):
                predict_file(job)
        assert not job.output.exists()
    # A part that a full disk or a bad one left damaged is made again.
    write_bytes(JobFolder(job.output).folder / "part-0000001", b"damaged")
    calls = counted(monkeypatch)
    predict_file(job)
    assert calls == [5, 5, 4]
    assert job.output.read_bytes() == unbroken
    assert not JobFolder(job.output).folder.exists()


def test_another_input_artifact_or_option_is_told(job, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        counted(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            predict_file(job)
    other = tmp_path / "other"
    shutil.copytree(job.source.artifact, other)
    manifest = json.loads((other / "ackd.json").read_text())
    (other / "ackd.json").write_text(json.dumps({**manifest, "temperature": 2.0}))
    for changed, what in (
        (replace(job, source=Source(other, threads=1)), "differs in artifact"),
        (replace(job, batch_size=7), "differs in batch_size 32"),
        (replace(job, on_error="skip", prefix="x_"), "differs in prefix None, on_error 'stop'"),
        (replace(job, source=replace(job.source, variant="int8_dynamic")), "differs in variant 'fp32'"),
    ):
        with pytest.raises(RunMismatch, match=what):
            predict_file(changed)
    with job.input.open("a") as stream:
        stream.write('{"text": "one more"}\n')
    with pytest.raises(RunMismatch, match="differs in input"):
        predict_file(job)
    assert predict_file(replace(job, fresh=True)) == Written(len(TEXTS) + 1, 0)


def test_a_file_that_changes_meanwhile(job, monkeypatch):
    whole = Classifier.classify

    def classify(self, texts, batch_size=32):
        os.utime(job.input, (1, 1))
        return whole(self, texts, batch_size)

    monkeypatch.setattr(Classifier, "classify", classify)
    with pytest.raises(DataError, match="changed while it was read"):
        predict_file(job)
    assert not job.output.exists()


def test_one_process_for_one_output(job):
    folder = JobFolder(job.output)
    with folder.locked(), pytest.raises(RunLocked):
        predict_file(job)
    (folder.folder / "job.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"job\.json is damaged"):
        predict_file(job)
    (folder.folder / "mine.txt").write_text("keep")
    for fresh in (False, True):
        with pytest.raises(UsageError, match=r"holds other files, such as 'mine\.txt'"):
            predict_file(replace(job, fresh=fresh))
    assert (folder.folder / "mine.txt").read_text() == "keep"


def test_input_and_output_are_two_files(job):
    before = job.input.read_bytes()
    with pytest.raises(UsageError, match="is the input too"):
        predict_file(replace(job, output=job.input))
    assert job.input.read_bytes() == before


def test_parquet_without_pyarrow(job, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra) as caught:
        predict_file(replace(job, output=job.output.with_suffix(".parquet")))
    assert caught.value.hint == "pip install 'ackd-deploy[parquet]'"


def test_row_groups_of_parquet_are_large(job, tmp_path):
    predict_file(replace(job, output=tmp_path / "out.parquet", part_rows=2))
    assert pyarrow.parquet.ParquetFile(tmp_path / "out.parquet").num_row_groups == 1


SCRIPT = """
import sys
from pathlib import Path
from ackd_deploy.bulk import FileJob, Source, predict_file
if __name__ == "__main__":
    artifact, source, output, workers = sys.argv[1:]
    model = Source(Path(artifact), threads=1)
    predict_file(FileJob(model, Path(source), Path(output), part_rows=8, workers=int(workers)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_it_goes_on(tiny_artifact, tmp_path, workers):
    """kill -9 of the first process; its workers end by themselves."""
    source, script = tmp_path / "in.tsv", tmp_path / "predict.py"
    script.write_text(SCRIPT)
    source.write_text("id\ttext\n" + "".join(f"{n}\t{SENTENCES[n % 8]} {n}\n" for n in range(640)))
    command = [sys.executable, str(script), str(tiny_artifact), str(source)]
    output = tmp_path / "out.csv"
    with subprocess.Popen([*command, str(output), str(workers)], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "out.csv.parts" / "part-0000003.json").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not output.exists()
    records = len(list((tmp_path / "out.csv.parts").glob("part-*.json")))
    assert 0 < records < 80
    job = FileJob(Source(tiny_artifact, threads=1), source, output, part_rows=8)
    predict_file(job)
    resumed = output.read_bytes()
    unbroken = replace(job, output=tmp_path / "unbroken.csv")
    predict_file(unbroken)
    assert unbroken.output.read_bytes() == resumed
    assert [line.split(",")[0] for line in resumed.decode().splitlines()] == ["id", *map(str, range(640))]


def test_the_path_of_a_job_is_stated():
    assert JobFolder(Path("runs/out.csv")).folder == Path("runs/out.csv.parts")

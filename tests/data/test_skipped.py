"""data.on_error: skip leaves out single rows, tells which and why, and stops where they are too many."""

import json

import pytest

from ackd_deploy.data.skipped import skipped_fingerprints, write_skipped
from ackd_deploy.data.source import load_part
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data


def part(tmp_path, content, name="a.csv", known=None, **keys):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return load_part(str(path), Data(train=str(path), validation=str(path), **keys), known)


GOOD = "".join(f"text {n},{'xy'[n % 2]}\n" for n in range(96))


def test_rows_that_cannot_be_read_are_skipped_with_number_and_reason(tmp_path):
    content = f"text,label\n{GOOD},x\nb,\nc,d,e\nf, 1.5\n"
    found = part(tmp_path, content, on_error="skip")
    assert len(found.rows) == 96
    assert found.numbers == list(range(2, 98))
    assert [(row.number, row.reason) for row in found.skipped] == [
        (98, "empty text in column 'text'"),
        (99, "missing label in column 'label'"),
        (100, "3 fields where the header has 2"),
        (101, "label '1.5' in column 'label' is a number, no class name"),
    ]
    assert {row.source for row in found.skipped} == {str(tmp_path / "a.csv")}
    with pytest.raises(DataError, match="3 fields where the header has 2"):
        part(tmp_path, content)
    with pytest.raises(DataError) as few:
        part(tmp_path, f"text,label\n{GOOD},x\n")
    assert few.value.hint.endswith("data.on_error=skip leaves them out")
    with pytest.raises(DataError) as many:
        part(tmp_path, f"text,label\n{GOOD}" + ",x\n" * 9)
    assert "on_error" not in many.value.hint


def test_mistakes_that_are_only_looked_for_where_there_are_no_others_are_skipped_too(tmp_path):
    found = part(tmp_path, f"text,label\n{GOOD},\nb,z\n", on_error="skip", known=("x", "y"))
    reasons = [row.reason for row in found.skipped]
    assert reasons == [
        "empty text in column 'text'; missing label in column 'label'",
        "label 'z', which is none of x, y",
    ]


def test_too_many_stop_the_run_and_the_bound_can_be_raised(tmp_path):
    content = f"text,label\n{GOOD}" + ",x\n" * 6
    with pytest.raises(DataError) as caught:
        part(tmp_path, content, on_error="skip")
    assert "6 of 102 rows cannot be used, and 5 % may be skipped" in caught.value.message
    assert "empty text in column 'text': lines 98, 99, 100, 101, 102 and 1 more" in caught.value.message
    assert len(part(tmp_path, content, on_error="skip", max_skipped=0.1).rows) == 96
    # A mistake of the whole file is no mistake of its rows.
    with pytest.raises(DataError, match="no column 'label'"):
        part(tmp_path, "text,other\na,b\n", on_error="skip", max_skipped=1.0)
    with pytest.raises(DataError, match="holds no rows"):
        part(tmp_path, "text,label\n,x\n", on_error="skip", max_skipped=1.0)


def test_lines_that_are_no_json(tmp_path):
    lines = [json.dumps({"text": f"t{n}", "label": "xy"[n % 2]}) for n in range(40)]
    found = part(tmp_path, "\n".join([*lines, "{", "[]"]) + "\n", "a.jsonl", on_error="skip")
    assert [row.number for row in found.skipped] == [41, 42]
    assert len(found.rows) == 40


def test_the_side_file(tmp_path):
    skipped = part(tmp_path, f"text,label\n{GOOD},x\n", on_error="skip").skipped
    file = tmp_path / "skipped.jsonl"
    write_skipped(file, skipped)
    (line,) = file.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "source": str(tmp_path / "a.csv"),
        "noun": "line",
        "number": 98,
        "reason": "empty text in column 'text'",
    }
    assert skipped_fingerprints({"train": skipped}) != skipped_fingerprints({"train": ()})
    write_skipped(file, ())
    assert not file.exists()

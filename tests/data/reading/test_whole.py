"""Whole records beside the wanted columns, and records that are left out rather than refused."""

import pyarrow
import pyarrow.parquet
import pytest

from ackd_deploy.data.reading import Wanted, open_records
from ackd_deploy.errors import DataError


def read(path, content, **wanted):
    if isinstance(content, str):
        path.write_text(content)
    with open_records(path, Wanted(["text"], **wanted)) as records:
        return list(records.rows)


@pytest.mark.parametrize(
    ("name", "content", "record"),
    [
        ("a.csv", 'id,text,x\n7,"a, b",\n', {"id": "7", "text": "a, b", "x": ""}),
        ("a.tsv", "id\ttext\n7\ta\n", {"id": "7", "text": "a"}),
        ("a.jsonl", '{"id": 7, "text": "a", "x": [1, null]}\n', {"id": 7, "text": "a", "x": [1, None]}),
        ("a.json", '[{"text": "a", "x": {"y": 1.5}}]', {"text": "a", "x": {"y": 1.5}}),
    ],
)
def test_the_whole_record_comes_last(tmp_path, name, content, record):
    ((_, values),) = read(tmp_path / name, content, whole=True)
    assert values == [record["text"], record]
    assert list(values[1]) == list(record)


def test_the_whole_record_of_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2], "text": ["a", "b"]}), path)
    assert read(path, None, whole=True) == [(1, ["a", {"id": 1, "text": "a"}]), (2, ["b", {"id": 2, "text": "b"}])]
    assert read(path, None) == [(1, ["a"]), (2, ["b"])]


def test_a_column_twice_has_no_place_in_a_whole_record(tmp_path):
    content = "text,x,x\na,1,2\n"
    assert read(tmp_path / "a.csv", content) == [(2, ["a"])]
    with pytest.raises(DataError, match="2 columns called 'x'"):
        read(tmp_path / "a.csv", content, whole=True)


@pytest.mark.parametrize(
    ("name", "content", "texts", "bad"),
    [
        ("a.csv", "text,x\na,1\nb\nc,3\n", ["a", "c"], [(3, "1 fields where the header has 2")]),
        ("a.tsv", "text\tx\na\t1\tz\n", [], [(2, "3 fields where the header has 2")]),
        (
            "a.jsonl",
            '{\n{"text": "b"}\n[1]\n',
            ["b"],
            [
                (1, "not valid JSON: Expecting property name enclosed in double quotes"),
                (3, 'a JSON object is expected, such as {"text": ...}'),
            ],
        ),
    ],
)
def test_what_is_left_out_is_told(tmp_path, name, content, texts, bad):
    found = []
    rows = read(tmp_path / name, content, on_bad=lambda number, mistake: found.append((number, mistake)))
    assert [text for _, (text,) in rows] == texts
    assert found == bad
    with pytest.raises(DataError):
        read(tmp_path / name, content)

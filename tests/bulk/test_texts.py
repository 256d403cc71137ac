"""Prediction reads files by training's rules: the same are taken, the same refused, with the same words."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd_deploy.bulk import check_file, chunked, open_texts
from ackd_deploy.bulk.columns import TextColumns
from ackd_deploy.data.source import load_rows
from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.recipe.schema import Data

ONE = TextColumns("text", None, refused="text_pair")
TWO = TextColumns("text", "text_pair")


def read(path, *, pairs=False, size=2):
    with open_texts(path, TWO if pairs else ONE) as records:
        return [text for chunk in chunked(records, size) for text in chunk]


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", 'one\r\ntwo, "three"', ["one", 'two, "three"']),
        ("a.txt", "\ufeffone\n", ["one"]),
        ("no-ending", "one\n", ["one"]),
        ("a.jsonl", '{"text": "a\\nb", "x": 1}\n\n{"text": "c"}\n', ["a\nb", "c"]),
        # Case 5: both were classified as raw lines.
        ("a.ndjson", '{"text":"two hours I want back","id":1}\n', ["two hours I want back"]),
        ("a.json", '[\n  {"text": "a"},\n  {"text": "b"}\n]\n', ["a", "b"]),
        ("a.csv", 'id,text\n1,"a, b"\n2,"c\nd"\n', ["a, b", "c\nd"]),
        ("a.CSV", "\ufefftext\na\n", ["a"]),
        ("a.jsonl", '\ufeff{"text": "a"}\n', ["a"]),
        ("a.tsv", 'text\tlabel\n"lone quote\tx\n', ['"lone quote']),
        ("a.csv", "text\n" + "x" * 200_000 + "\n", ["x" * 200_000]),
        ("a.csv", "text\n", []),
        ("a.txt", "", []),
    ],
)
def test_texts_of_each_format(tmp_path, name, content, expected):
    path = written(tmp_path, name, content)
    check_file(path, ONE)
    assert read(path) == expected


def test_pairs(tmp_path):
    path = written(tmp_path, "b.csv", "\ufefftext,text_pair\na,b\n")
    assert read(path, pairs=True) == [("a", "b")]
    with pytest.raises(UsageError, match="takes single texts"):
        read(path)
    with pytest.raises(DataError, match="no column 'text_pair'"):
        check_file(written(tmp_path, "c.csv", "text\na\n"), TWO)
    with pytest.raises(DataError, match="empty text in column 'text_pair': line 2"):
        check_file(written(tmp_path, "d.jsonl", '{"text": "a", "text_pair": "b"}\n{"text": "a"}\n'), TWO)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        # Case 4: the piece before the comma was classified.
        ("a.csv", "text,id\na warm, funny and moving film,7\nbad film,8\n", "line 2: 3 fields where the header has 2"),
        ("a.tsv", "text\tx\ngood film\tgreat\t1\n", "line 2: 3 fields where the header has 2"),
        # The line that a record of several lines starts on, and not the last one.
        ("a.csv", 'text,id\n"a\nb",1,2\n', "line 2: 3 fields"),
        ("a.txt", "one\n\n  \ntwo\n", "2 lines cannot be used\n  empty text in column 'text': lines 2, 3"),
        ("a.csv", "text,id\na,1\n ,2\n", "empty text in column 'text': line 3"),
        ("a.txt", b"fine\n\xff\n", "line 2: not valid UTF-8"),
        ("a.jsonl", "{\n", "line 1: not valid JSON"),
        ("a.jsonl", "[1]\n", "line 1: a JSON object"),
        ("a.jsonl", '{"txt": "a"}\n', "no column 'text'"),
        ("a.jsonl", '{"text": 3}\n', "no string but int in column 'text': line 1"),
        ("a.jsonl", '{"text": "\\ud83d"}\n', "half a surrogate pair"),
        ("a.csv", "sentence\nx\n", "no column 'text'"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path, name, content, message):
    path = written(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        check_file(path, ONE)
    assert message in caught.value.message
    assert "data.text" not in (caught.value.hint or "")
    with pytest.raises(DataError):
        read(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        check_file(tmp_path / "none.txt", ONE)


fields = st.text(st.sampled_from('ab ,\t"\n\r;\ufeff\u2028\0'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(fields, min_size=1, max_size=3), min_size=2, max_size=5),
    st.sampled_from([".csv", ".tsv"]),
)
def test_training_and_prediction_accept_and_refuse_the_same_tables(tmp_path_factory, rows, ending):
    mark = "," if ending == ".csv" else "\t"
    lines = ["text" + mark + "label", "one" + mark + "x", "two" + mark + "y", *(mark.join(row) for row in rows)]
    path = written(tmp_path_factory.mktemp("same"), f"a{ending}", "\n".join(lines) + "\n")
    check_same(path)


values = st.one_of(st.none(), st.integers(), fields, st.just("\ud83d"), st.lists(fields, max_size=2))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(values, st.fixed_dictionaries({"text": values})), min_size=1, max_size=5), st.booleans())
def test_training_and_prediction_accept_and_refuse_the_same_json(tmp_path_factory, records, as_array):
    records = [{"text": "one"}, *records]
    for number, record in enumerate(records):
        if isinstance(record, dict):
            record["label"] = "xy"[number % 2]
    content = json.dumps(records) if as_array else "".join(json.dumps(record) + "\n" for record in records)
    check_same(written(tmp_path_factory.mktemp("same"), "a.json" if as_array else "a.jsonl", content))


def check_same(path):
    """Whether the texts are the same, or the refusals; what training says of labels is no matter of prediction's."""
    try:
        expected = load_rows(str(path), Data(train=str(path), validation=str(path)), ["x", "y"]).texts
    except DataError as error:
        refused = error.message
    else:
        check_file(path, ONE)
        assert read(path) == expected
        return
    try:
        check_file(path, ONE)
    except DataError as error:
        # Lines about labels stand between those about texts.
        assert set(error.message.splitlines()[1:]) <= set(refused.splitlines())
        if len(error.message.splitlines()) == 1:
            assert error.message == refused
    else:
        assert "label" in refused or "one class" in refused


def test_a_large_file_is_never_held(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w") as stream:
        stream.write("text\n")
        for number in range(200_000):
            stream.write(f"text {number} {'x' * 200}\n")
    script = f"""
import resource, sys
from pathlib import Path
from ackd_deploy.bulk import check_file, chunked, open_texts
from ackd_deploy.bulk.columns import TextColumns
path = Path({str(path)!r})
columns = TextColumns("text", None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
check_file(path, columns)
with open_texts(path, columns) as records:
    assert sum(map(len, chunked(records, 4096))) == 200_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
assert not {{"torch", "transformers", "datasets", "pyarrow"}} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # 43 MB of text lie in the file; as Python strings more.
    assert int(done.stdout) < 20_000

"""Files to columns: what each format means by a quote, a blank line, a line number; what is no such file."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd_deploy.data.tables import read_table
from ackd_deploy.errors import DataError


def read(tmp_path, name, content, wanted=("text", "label")):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, wanted)


def test_csv_has_quotes_commas_and_texts_over_several_lines(tmp_path):
    table = read(tmp_path, "a.csv", 'label,text\nx,"one, ""two""\nthree"\n\ny,four\n')
    assert table.columns == {"text": ['one, "two"\nthree', "four"], "label": ["x", "y"]}
    assert table.numbers == [2, 5]
    assert table.noun == "line"


def test_tsv_has_no_quoting(tmp_path):
    table = read(tmp_path, "a.tsv", 'text\tlabel\r\n"half a quote\t0\r\nit\'s "so", so\t1\r\n')
    assert table.columns["text"] == ['"half a quote', 'it\'s "so", so']
    assert table.columns["label"] == ["0", "1"]
    assert table.numbers == [2, 3]


def test_unicode_line_separators_are_no_line_ends(tmp_path):
    table = read(tmp_path, "a.tsv", "text\tlabel\none\u2028two\x0bthree\x85\t0\n")
    assert table.columns["text"] == ["one\u2028two\x0bthree\x85"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_byte_order_mark_is_dropped(tmp_path, name):
    content = {
        "a.csv": "text,label\na,b\n",
        "a.tsv": "text\tlabel\na\tb\n",
        "a.jsonl": '{"text": "a", "label": "b"}\n',
    }
    assert read(tmp_path, name, b"\xef\xbb\xbf" + content[name].encode()).columns == {"text": ["a"], "label": ["b"]}


def test_jsonl_keeps_types_and_missing_keys_are_none(tmp_path):
    table = read(tmp_path, "a.jsonl", '{"text": "a", "label": 1}\n\n{"text": "b"}\n{"text": 3, "label": ["x"]}\n')
    assert table.columns == {"text": ["a", "b", 3], "label": [1, None, ["x"]]}
    assert table.numbers == [1, 3, 4]


def test_parquet_with_class_names(tmp_path):
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    path = tmp_path / "a.parquet"
    datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features).to_parquet(path)
    table = read_table(path, ["text", "label"])
    assert table.columns == {"text": ["a", "b"], "label": [1, 0]}
    assert table.class_names == {"label": ["negative", "positive"]}
    assert (table.noun, table.numbers) == ("row", [1, 2])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", 'text,label\na,x\n"open,y\nb,y\n', "line 3: not valid CSV"),
        ("a.csv", 'text,label\n"a"b,x\n', "line 2: not valid CSV"),
        ("a.csv", "text,label\na,b,c\n", "line 2: 3 fields where the header has 2"),
        ("a.tsv", "text\tlabel\na\tx\nb\n", "line 3: 1 fields where the header has 2"),
        ("a.tsv", b"text\tlabel\na\tx\nb\xff\ty\n", "line 3: not valid UTF-8 at byte 2"),
        ("a.csv", "text,label\na,b\n".encode("utf-16"), "line 1: not valid UTF-8"),
        ("a.csv", "text,label,text\na,b,c\n", "has 2 columns called 'text'"),
        ("a.jsonl", '{"text": "a", "label": "b"}\n{"text": \n', "line 2: not valid JSON"),
        ("a.jsonl", '["a", "b"]\n', "line 1: a JSON object"),
        ("a.jsonl", "[" * 100_000 + "\n", "line 1: not valid JSON"),
        ("a.parquet", "PAR1 and then nothing", "not a readable Parquet file"),
        ("a.parquet", "", "not a readable Parquet file"),
        ("a.txt", "text,label\n", "a file ending in '.txt'"),
        ("a.json", "3", "an array of JSON objects"),
        ("a.json", "[3]", "row 1: a JSON object"),
        ("a.json", '[{"text": "a", "label": "b"}, {"text": }]', "row 2: not valid JSON: Expecting value"),
        ("a.json", '[{"text": "a", "label": "b"} {}]', "row 1: not valid JSON: a comma"),
        ("a.json", '[{"text": "a", "label": "b"}] x', "more after the closing"),
        ("a.json", '[{"text": "a", "label": "b"}', "row 1: not valid JSON"),
    ],
)
def test_files_that_are_not_what_their_name_says(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message.replace("(", r"\(")) as caught:
        read(tmp_path, name, content)
    assert str(tmp_path / name) in caught.value.message


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_missing_column_with_a_guess(tmp_path, name):
    content = {"a.csv": "txt,label\na,b\n", "a.tsv": "txt\tlabel\na\tb\n", "a.jsonl": '{"txt": "a", "label": "b"}\n'}
    with pytest.raises(DataError, match="no column 'text'; it has 'txt', 'label'") as caught:
        read(tmp_path, name, content[name])
    assert "did you mean 'txt'" in caught.value.hint


def test_missing_column_of_parquet(tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"txt": ["a"], "label": ["b"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no column 'text'"):
        read_table(tmp_path / "a.parquet", ["text", "label"])


def test_missing_file_with_a_guess(tmp_path):
    (tmp_path / "train.tsv").touch()
    with pytest.raises(DataError, match="there is no file") as caught:
        read_table(tmp_path / "trian.tsv", ["text"])
    assert "train.tsv" in caught.value.hint
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "no" / "train.tsv", ["text"])
    assert "the folder" in caught.value.hint


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match="a folder"):
        read_table(tmp_path, ["text"])


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1).filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(words, words), min_size=1, max_size=20))
def test_csv_round_trip(tmp_path_factory, rows):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *rows])
    folder = tmp_path_factory.mktemp("csv")
    table = read(folder, "a.csv", buffer.getvalue())
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet"]))
def test_any_bytes_give_a_table_or_one_clear_error(tmp_path_factory, content, name):
    folder = tmp_path_factory.mktemp("bytes")
    header = {"a.csv": b"text,label\n", "a.tsv": b"text\tlabel\n"}.get(name, b"")
    try:
        table = read(folder, name, header + content)
    except DataError:
        return
    assert len(table.columns["text"]) == len(table.columns["label"]) == len(table.numbers)

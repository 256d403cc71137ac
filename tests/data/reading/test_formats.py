"""Each format: what is written by its own library reads back equal, as records and as a table; long texts included."""

import csv
import io
import json

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd_deploy.data.reading import Wanted, open_lines, open_records
from ackd_deploy.data.tables import read_table
from ackd_deploy.errors import DataError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
# As a value that a format without quoting can hold.
fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"), min_size=1, max_size=30)
rows_of_texts = st.lists(st.tuples(texts, texts), max_size=12)
WANTED = ("text", "label")


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def check_both_forms(path, rows):
    with open_records(path, Wanted(WANTED)) as records:
        found = list(records.rows)
    assert [tuple(values) for _, values in found] == rows
    table = read_table(path, WANTED)
    assert list(zip(*table.columns.values(), strict=True)) == rows
    assert table.numbers == [number for number, _ in found]
    assert table.numbers == sorted(set(table.numbers))


@settings(max_examples=40, deadline=None)
@given(rows_of_texts, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_csv_of_pythons_writer(tmp_path_factory, rows, end, mark):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([WANTED, *rows])
    content = ("\ufeff" if mark else "") + buffer.getvalue()
    check_both_forms(written(tmp_path_factory.mktemp("csv"), "a.csv", content), rows)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(fields, fields), max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_tsv_without_quoting(tmp_path_factory, rows, end):
    content = end.join("\t".join(row) for row in [WANTED, *rows]) + end
    check_both_forms(written(tmp_path_factory.mktemp("tsv"), "a.tsv", content), rows)


@settings(max_examples=40, deadline=None)
@given(rows_of_texts, st.booleans(), st.sampled_from(["a.jsonl", "a.ndjson", "a.json"]))
def test_json_lines(tmp_path_factory, rows, ascii_only, name):
    lines = [json.dumps({"label": label, "text": text}, ensure_ascii=ascii_only) + "\n" for text, label in rows]
    if lines or name != "a.json":
        check_both_forms(written(tmp_path_factory.mktemp("jsonl"), name, "".join(lines)), rows)


@settings(max_examples=40, deadline=None)
@given(rows_of_texts, st.sampled_from([None, 2]), st.booleans())
def test_json_array(tmp_path_factory, rows, indent, mark):
    objects = [{"text": text, "label": label} for text, label in rows]
    content = ("\ufeff" if mark else "") + json.dumps(objects, indent=indent, ensure_ascii=False)
    check_both_forms(written(tmp_path_factory.mktemp("json"), "a.json", content), rows)


@settings(max_examples=15, deadline=None)
@given(rows_of_texts, st.integers(1, 5))
def test_parquet_of_several_row_groups(tmp_path_factory, rows, group):
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    columns = [pyarrow.array([row[place] for row in rows], pyarrow.string()) for place in range(2)]
    pyarrow.parquet.write_table(pyarrow.table(columns, names=WANTED), path, row_group_size=group)
    check_both_forms(path, rows)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), max_size=10))
def test_lines_of_text(tmp_path_factory, lines):
    path = written(tmp_path_factory.mktemp("txt"), "a.txt", "".join(line + "\n" for line in lines))
    with open_lines(path, "text") as records:
        # A mark at the start of a file is none of its text.
        expected = [line.removeprefix("\ufeff") if number == 0 else line for number, line in enumerate(lines)]
        assert list(records.rows) == [(number, [line]) for number, line in enumerate(expected, 1)]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_a_text_longer_than_pythons_limit_for_a_field(tmp_path, name):
    # csv refuses fields over 131,072 characters by itself; case 17.
    text = "word " * 40_000 + "end"
    line = json.dumps({"text": text, "label": "x"})
    content = {
        "a.csv": f'text,label\n"{text}",x\n',
        "a.tsv": f"text\tlabel\n{text}\tx\n",
        "a.jsonl": line,
        "a.json": f"[{line}, {line}]",
    }[name]
    table = read_table(written(tmp_path, name, content), WANTED)
    assert set(table.columns["text"]) == {text}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_a_record_has_a_bound(tmp_path, name):
    text = "x" * (17 * 2**20)
    head = {"a.csv": 'text,label\n"', "a.tsv": "text\tlabel\n", "a.jsonl": '{"text": "', "a.json": '[{"text": "'}[name]
    with pytest.raises(DataError, match=r"longer than|field limit|no object of less"):
        read_table(written(tmp_path, name, head + text), WANTED)


def test_an_open_quote_is_told_as_one(tmp_path):
    with pytest.raises(DataError, match="line 3: not valid CSV") as caught:
        read_table(written(tmp_path, "a.csv", 'text,label\na,x\n"b,x\n' + "c,y\n" * 2_000_000), WANTED)
    assert "no quote closes" in caught.value.hint


def test_json_arrays_are_read_element_by_element(tmp_path):
    path = tmp_path / "a.json"
    objects = [{"text": f"text {number} " + "x" * 200, "label": "a"} for number in range(2000)]
    # What follows is wrong, and all that stands before it has been yielded.
    path.write_text(json.dumps(objects)[:-1] + ", 3]")
    with open_records(path, Wanted(["text"])) as records:
        for number, values in zip(range(1, 2001), records.rows, strict=False):
            assert values == (number, [objects[number - 1]["text"]])
        with pytest.raises(DataError, match="row 2001: a JSON object"):
            next(records.rows)


def test_parquet_with_a_column_twice(tmp_path):
    path = tmp_path / "dup.parquet"
    columns = [["a", "b"], ["x", "y"], ["p", "q"]]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=["text", "label", "label"]), path)
    with pytest.raises(DataError, match="has 2 columns called 'label'"):
        read_table(path, WANTED)
    assert read_table(path, ["text"]).columns == {"text": ["a", "b"]}


def test_parquet_of_invalid_strings_names_the_row(tmp_path):
    path = tmp_path / "a.parquet"
    strings = pyarrow.Array.from_buffers(
        pyarrow.string(),
        2,
        [None, pyarrow.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pyarrow.py_buffer(b"a\xff")],
    )
    pyarrow.parquet.write_table(pyarrow.table({"text": strings}), path)
    with pytest.raises(DataError, match="row 2: not valid UTF-8 in column 'text'"):
        read_table(path, ["text"])


def test_a_wrong_delimiter_is_recognized(tmp_path):
    with pytest.raises(DataError, match="no column 'text'") as caught:
        read_table(written(tmp_path, "a.tsv", "text;label\na;x\n"), WANTED)
    assert "separated by ';'" in caught.value.hint


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_the_header_has_the_columns_with(tmp_path, mark):
    # One that stands inside texts, and in other names of the header, decides nothing.
    other = ";" if mark != ";" else ","
    rows = [f"id{other}2", "text", "label"], ["1", f"a{other} b{other} c", "x"], ["2", f'"say {mark} it"', "y"]
    content = "\n".join(mark.join(row) for row in rows) + "\n"
    table = read_table(written(tmp_path, "a.csv", content), WANTED)
    assert table.columns == {"text": [f"a{other} b{other} c", f"say {mark} it"], "label": ["x", "y"]}


def test_a_column_alone_is_split_at_nothing(tmp_path):
    path = written(tmp_path, "a.csv", "text\none; two | three\tfour\n")
    assert read_table(path, ["text"]).columns == {"text": ["one; two | three\tfour"]}
    with pytest.raises(DataError, match="line 2: 2 fields where the header has 1"):
        read_table(written(tmp_path, "b.csv", "text\none, two\n"), ["text"])


def test_two_delimiters_that_would_do_are_told_and_one_is_taken_where_it_is_named(tmp_path):
    path = written(tmp_path, "a.csv", "text;a|text\nx;b|y\n")
    with pytest.raises(DataError, match=r"with each of the delimiters ';', '\|'"):
        read_table(path, ["text"])
    assert read_table(path, ["text"], delimiter=";").columns == {"text": ["x"]}
    assert read_table(path, ["text"], delimiter="|").columns == {"text": ["y"]}


def test_no_error_of_whoever_uses_the_rows_is_taken_for_the_files(tmp_path):
    with (
        pytest.raises(BrokenPipeError),
        open_records(written(tmp_path, "a.csv", "text\na\n"), Wanted(["text"])) as records,
    ):
        for _ in records.rows:
            raise BrokenPipeError

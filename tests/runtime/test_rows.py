import pytest

from ackd_deploy.errors import DataError
from ackd_deploy.runtime.rows import read_rows


def rows(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path))


def test_lines_jsonl_csv_and_tsv(tmp_path):
    assert rows(tmp_path, "a.txt", "one\r\n\ntwo") == ["one", "", "two"]
    assert rows(tmp_path, "a.jsonl", '{"text": "a\\nb", "x": 1}\n\n{"text": "c", "text_pair": "d"}\n') == [
        "a\nb",
        ("c", "d"),
    ]
    assert rows(tmp_path, "a.csv", 'id,text\n1,"a, b"\n2,"c\nd"\n') == ["a, b", "c\nd"]
    assert rows(tmp_path, "a.tsv", 'text\tlabel\n"lone quote\tx\n') == ['"lone quote']
    assert rows(tmp_path, "b.csv", "\ufefftext,text_pair\na,b\n") == [("a", "b")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"fine\n\xff\n", "line 2 is not UTF-8"),
        ("a.jsonl", "{\n", "line 1 is not JSON"),
        ("a.jsonl", "[1]\n", "no JSON object"),
        ("a.jsonl", '{"txt": "a"}\n', "no text"),
        ("a.jsonl", '{"text": 3}\n', "no text"),
        ("a.jsonl", "[" * 100_000 + "\n", "is not JSON"),
        ("a.csv", "sentence\nx\n", "no text"),
        ("a.csv", b"text\n\xff\n", "a.csv"),
        ("a.csv", "text\n" + "x" * 200_000 + "\n", "field larger"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        rows(tmp_path, name, content)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="missing"):
        list(read_rows(tmp_path / "none.txt"))

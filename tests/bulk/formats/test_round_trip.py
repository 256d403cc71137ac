"""What a format writes, the one reader reads back; parts joined are what one part would be."""

import datetime
import json
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd_deploy.bulk.formats import Column, check_output, make_format, unwritable
from ackd_deploy.data.reading import Wanted, open_records
from ackd_deploy.errors import UsageError

NASTY = st.text(st.sampled_from("ab ,;|\t\"'\n\r\\{}[]\ufeff\u2028\x85\0😀é\ud83d"), max_size=8)
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
COLUMNS = [Column("id", "int"), Column("text", "string"), Column("more", "string")]


def written(path: Path, columns, parts, source=Path("a.csv"), labels=()):
    chosen = make_format(path, columns, labels, source)
    with path.open("wb") as sink:
        chosen.join((chosen.encode(part) for part in parts), sink)
    return path


def read(path):
    with open_records(path, Wanted(["text"], whole=True)) as records:
        return [values[-1] for _, values in records.rows]


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(NASTY, NASTY), max_size=5), st.sampled_from(ENDINGS), st.integers(0, 5))
def test_every_text_comes_back(tmp_path_factory, texts, ending, cut):
    path = tmp_path_factory.mktemp("round") / f"a{ending}"
    problem = unwritable(path)
    records = [{"id": number, "text": first, "more": second} for number, (first, second) in enumerate(texts)]
    good = [record for record in records if problem(record) is None]
    if ending in (".jsonl", ".ndjson", ".json"):
        assert good == records
    written(path, COLUMNS, [good[:cut], good[cut:]])
    as_read = [{**record, "id": str(record["id"])} for record in good] if ending in (".csv", ".tsv") else good
    assert read(path) == as_read
    whole = path.read_bytes()
    if ending != ".parquet":
        assert written(path, COLUMNS, [good]).read_bytes() == whole


def test_what_a_tsv_or_utf8_cannot_hold_is_told():
    assert unwritable(Path("a.tsv"))({"text": "a\tb"}) == "a tab or line end in column 'text', which a .tsv cannot hold"
    for ending in (".csv", ".tsv", ".parquet"):
        assert unwritable(Path("a" + ending))({"text": "\ud83d"}) == "half a surrogate pair in column 'text'"
    assert unwritable(Path("a.jsonl"))({"text": "\ud83d\t"}) is None


def test_values_that_are_no_text_in_a_csv(tmp_path):
    names = ["a", "b", "c", "d", "e", "f"]
    record = {"a": True, "b": 1.5, "c": [1, "x"], "d": datetime.date(2026, 1, 2), "e": Decimal("1.50"), "f": None}
    path = written(tmp_path / "a.csv", [Column(name, "json") for name in names], [[record]])
    assert path.read_text() == 'a,b,c,d,e,f\ntrue,1.5,"[1, ""x""]",2026-01-02,1.50,\n'


def test_parquet_keeps_the_types_of_its_columns(tmp_path):
    schema = pyarrow.schema(
        [
            pyarrow.field("id", pyarrow.int16(), nullable=False),
            ("text", pyarrow.large_string()),
            ("day", pyarrow.date32()),
            ("at", pyarrow.timestamp("us", tz="UTC")),
            ("price", pyarrow.decimal128(8, 2)),
            ("tags", pyarrow.list_(pyarrow.dictionary(pyarrow.int8(), pyarrow.string()))),
            ("raw", pyarrow.binary()),
            ("ratio", pyarrow.float32()),
        ],
        metadata={b"made by": b"us", b"huggingface": b"{}"},
    )
    day = datetime.date(2026, 1, 2)
    row = {
        "id": 7, "text": "a", "day": day, "at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "price": Decimal("1.50"), "tags": ["x", "y"], "raw": b"\0\xff", "ratio": 0.1,
    }  # fmt: skip
    source = tmp_path / "in.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row, {"id": 8}], schema=schema), source)
    columns = [Column(name, "source") for name in schema.names] + [Column("scores", "scores")]
    records = [{**record, "scores": {"no": 0.25, "yes": 0.75}} for record in read(source)]
    path = written(tmp_path / "out.parquet", columns, [records[:1], records[1:]], source, labels=("no", "yes"))
    table = pyarrow.parquet.read_table(path)
    assert table.drop(["scores"]).equals(pyarrow.parquet.read_table(source))
    assert [table.schema.field(name) for name in schema.names] == list(schema)
    assert table.schema.metadata == {b"made by": b"us"}
    assert table["scores"].to_pylist() == [{"no": 0.25, "yes": 0.75}] * 2
    lines = written(tmp_path / "out.jsonl", columns, [records]).read_text().splitlines()
    assert json.loads(lines[0])["raw"] == "AP8="


def test_nothing_at_all(tmp_path):
    for ending in ENDINGS:
        assert read(written(tmp_path / f"a{ending}", COLUMNS, [])) == []


def test_outputs_that_no_format_writes(tmp_path):
    with pytest.raises(UsageError, match=r"'\.xlsx' is none of"):
        check_output(Path("a.xlsx"))
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_output(tmp_path / "a.csv")


def test_a_stream_is_enough_to_join():
    lines = make_format(Path("a.jsonl"), COLUMNS, [], Path("a.csv"))
    sink = BytesIO()
    lines.join([b"1\n", b"2\n"], sink)
    assert sink.getvalue() == b"1\n2\n"

import json
from pathlib import Path

import pytest

from ackd_deploy.bulk.columns import TextColumns
from ackd_deploy.bulk.formats import unwritable
from ackd_deploy.bulk.survey import survey
from ackd_deploy.errors import DataError


def found(path, output="out.parquet", skip=False):
    return survey(path, TextColumns("text", None), unwritable=unwritable(Path(output)), skip=skip)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], "int"),
        ([1, 2.5], "float"),
        ([2.5, 2**53], "float"),
        # Neither a double nor a 64-bit integer holds these exactly.
        ([2.5, 2**53 + 1], "json"),
        ([2**53 + 1, 2.5], "json"),
        ([2**53 + 1, 1], "int"),
        ([2**63], "json"),
        ([True, False], "bool"),
        ([True, 1], "json"),
        (["a", None], "string"),
        (["a", 1], "json"),
        ([[1], [2]], "json"),
        ([None, None], "string"),
    ],
)
def test_the_kind_of_a_json_column(tmp_path, values, kind):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": "a", "x": value}) + "\n" for value in values))
    result = found(path)
    assert result.columns == {"text": "string", "x": kind}
    assert (result.rows, result.noun) == (len(values), "line")


def test_columns_of_all_records_in_the_order_of_their_appearance(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"text": "a", "z": 1}, {"b": 2, "text": "c"}]')
    assert list(found(path).columns) == ["text", "z", "b"]


def test_mistakes_are_told_together_or_counted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,a\n2, \n3\n4,b\n")
    with pytest.raises(DataError, match="line 4: 1 fields"):
        found(path)
    assert found(path, skip=True).rows == 4
    path.write_text('id,text\n1,a\n2, \n"3\t",c\n')
    with pytest.raises(DataError) as caught:
        found(path, "out.tsv")
    assert "2 lines cannot be used" in caught.value.message
    assert "a tab or line end in column 'id'" in caught.value.message


def test_a_column_whose_name_the_output_cannot_hold(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,"two\nlines"\na,1\n')
    assert found(path, "out.csv").rows == 1
    with pytest.raises(DataError, match="the name of a column has a tab or line end"):
        found(path, "out.tsv")

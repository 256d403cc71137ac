"""load_rows: what each problem type makes of the columns, and every mistake told with its rows."""

import json
import math

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from ackd_deploy.data import load_rows
from ackd_deploy.data.fingerprint import data_fingerprints
from ackd_deploy.errors import DataError, RecipeError
from ackd_deploy.recipe.sections import Data


def load(tmp_path, content, known=None, name="a.csv", **keys):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return load_rows(str(path), Data(train=str(path), validation=str(path), **keys), known)


def jsonl(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def refusal(*arguments, **keys):
    with pytest.raises(DataError) as caught:
        load(*arguments, **keys)
    assert caught.value.exit_code == 5
    assert caught.value.hint
    return caught.value.message


def test_single_label_sorts_its_own_names(tmp_path):
    rows = load(tmp_path, "text,label\na,pos\nb,neg\nc, pos \n")
    assert rows.texts == ["a", "b", "c"]
    assert rows.pairs is None
    assert rows.label_names == ("neg", "pos")
    assert rows.labels.tolist() == [1, 0, 1]
    assert rows.labels.dtype == np.int64


def test_names_of_the_teacher_count_the_ids(tmp_path):
    rows = load(tmp_path, "text,label\na,Pos\nb,neg\n", ["pos", "neutral", "neg"])
    assert rows.label_names == ("pos", "neutral", "neg")
    assert rows.labels.tolist() == [0, 2]


def test_whole_numbers_sort_as_numbers(tmp_path):
    rows = load(tmp_path, "text,label\n" + "".join(f"t{n},{n}\n" for n in (10, 9, 2, 10)))
    assert rows.label_names == ("2", "9", "10")
    assert rows.labels.tolist() == [2, 1, 0, 2]


def test_label_names_map_by_value(tmp_path):
    names = {"1": "positive", "0": "negative"}
    rows = load(tmp_path, "text\tlabel\na\t1\nb\t0\n", name="a.tsv", label_names=names)
    assert rows.label_names == ("negative", "positive")
    assert rows.labels.tolist() == [1, 0]
    same = load(
        tmp_path, jsonl({"text": "a", "label": 1}, {"text": "b", "label": 0}), name="a.jsonl", label_names=names
    )
    assert same.fingerprint == rows.fingerprint
    named = load(tmp_path, "text,label\na,positive\nb,negative\n", label_names=names)
    assert named.fingerprint == rows.fingerprint


def test_label_names_meet_a_teacher_of_another_order(tmp_path):
    rows = load(
        tmp_path, "text,label\na,1\nb,0\n", ["POSITIVE", "NEGATIVE"], label_names={"0": "negative", "1": "positive"}
    )
    assert rows.label_names == ("POSITIVE", "NEGATIVE")
    assert rows.labels.tolist() == [0, 1]


def test_several_values_may_be_one_class(tmp_path):
    names = {"1": "bad", "2": "bad", "3": "good"}
    rows = load(tmp_path, "text,label\na,1\nb,2\nc,3\n", label_names=names)
    assert rows.label_names == ("bad", "good")
    assert rows.labels.tolist() == [0, 0, 1]


def test_generic_teacher_takes_declared_names_silently_and_sorted_ones_aloud(tmp_path, capsys):
    generic = ["LABEL_0", "LABEL_1"]
    rows = load(tmp_path, "text,label\na,1\nb,0\n", generic, label_names={"0": "negative", "1": "positive"})
    assert rows.label_names == ("negative", "positive")
    assert "warning" not in capsys.readouterr().err
    assert load(tmp_path, "text,label\na,good\nb,bad\n", generic).label_names == ("bad", "good")
    assert "bad, good, in this order" in " ".join(capsys.readouterr().err.split())


def test_validation_follows_the_training_names(tmp_path):
    train = load(tmp_path, "text,label\na,x\nb,y\nc,z\n")
    assert load(tmp_path, "text,label\na,z\nb,x\n", train.label_names).labels.tolist() == [2, 0]


def test_text_pairs(tmp_path):
    rows = load(tmp_path, "one,two,label\na,b,x\nc,d,y\n", text="one", text_pair="two")
    assert (rows.texts, rows.pairs) == (["a", "c"], ["b", "d"])


def test_regression(tmp_path):
    rows = load(tmp_path, "text,label\na,1.5\nb,-2\nc,1e1\n", problem_type="regression")
    assert rows.label_names == ("score",)
    assert rows.labels.dtype == np.float32
    assert rows.labels.tolist() == [1.5, -2.0, 10.0]


def test_multi_label_columns_follow_the_teachers_order(tmp_path):
    content = "text,toxic,rude\na,1,0\nb,0,true\nc,0,0\n"
    keys = {"label": ["toxic", "rude"], "problem_type": "multi_label_classification"}
    rows = load(tmp_path, content, **keys)
    assert rows.label_names == ("toxic", "rude")
    assert rows.labels.tolist() == [[1, 0], [0, 1], [0, 0]]
    assert rows.labels.dtype == np.float32
    other = load(tmp_path, content, ["Rude", "Toxic"], **keys)
    assert other.label_names == ("Rude", "Toxic")
    assert other.labels.tolist() == [[0, 1], [1, 0], [0, 0]]


def test_multi_label_lists(tmp_path):
    content = jsonl({"text": "a", "label": ["x", "y"]}, {"text": "b", "label": []}, {"text": "c", "label": ["y"]})
    rows = load(tmp_path, content, name="a.jsonl", problem_type="multi_label_classification")
    assert rows.label_names == ("x", "y")
    assert rows.labels.tolist() == [[1, 1], [0, 0], [0, 1]]


def test_one_class(tmp_path):
    message = refusal(tmp_path, "text,label\na,x\nb,x\n")
    assert "one class only: 'x' (2 rows)" in message


def test_one_target(tmp_path):
    assert "same target" in refusal(tmp_path, "text,label\na,1\nb,1\n", problem_type="regression")


def test_no_rows(tmp_path):
    assert "holds no rows" in refusal(tmp_path, "text,label\n")


def test_a_label_for_each_row(tmp_path):
    content = "text,label\n" + "".join(f"text {n},label {n}\n" for n in range(30))
    assert "label of its own" in refusal(tmp_path, content)


def test_all_mistakes_in_one_message_with_lines(tmp_path):
    message = refusal(tmp_path, "text,label\na,x\n,y\nb,\n  ,\nc,nan\nd,2.5\n")
    assert "5 lines cannot be used" not in message
    assert "empty text in column 'text': lines 3, 5" in message
    assert "missing label in column 'label': lines 4, 5" in message
    assert "label 'nan' in column 'label' is a number, no class name: line 6" in message
    assert "label '2.5'" in message


def test_many_bad_rows_are_counted_and_not_listed(tmp_path):
    message = refusal(tmp_path, "text,label\na,x\nb,y\n" + ",x\n" * 1000)
    assert "lines 4, 5, 6, 7, 8 and 995 more" in message
    assert len(message) < 400


def test_labels_that_are_no_strings(tmp_path):
    records = [{"text": "a", "label": label} for label in (["x"], {"x": 1}, 1.5, math.nan, None, "x")]
    message = refusal(tmp_path, jsonl(*records, {"text": "b"}), name="a.jsonl")
    for kind in ("list: line 1", "dict: line 2", "float: line 3"):
        assert kind in message
    assert "missing label in column 'label': lines 4, 5, 7" in message


def frame(values, kind):
    return pyarrow.table({"text": [f"t{n}" for n in range(len(values))], "label": pyarrow.array(values, kind)})


@pytest.mark.parametrize(
    ("csv", "values", "kind", "names"),
    [
        ("true false true", [True, False, True], pyarrow.bool_(), ("false", "true")),
        ("True False TRUE", [True, False, True], pyarrow.bool_(), ("false", "true")),
        ("1.0 0.0 1", [1.0, 0.0, 1.0], pyarrow.float64(), ("0", "1")),
        ("1 0 1", [1, 0, 1], pyarrow.int8(), ("0", "1")),
    ],
)
def test_booleans_and_whole_floats_are_the_same_classes_in_every_format(tmp_path, csv, values, kind, names):
    delimited = load(tmp_path, "text,label\n" + "".join(f"t{n},{v}\n" for n, v in enumerate(csv.split())))
    assert delimited.label_names == names
    assert delimited.labels.tolist() == [1, 0, 1]
    lines = jsonl(*({"text": f"t{n}", "label": value} for n, value in enumerate(values)))
    assert load(tmp_path, lines, name="a.jsonl").fingerprint == delimited.fingerprint
    array = json.dumps([json.loads(line) for line in lines.splitlines()])
    assert load(tmp_path, array, name="a.json").fingerprint == delimited.fingerprint
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(frame(values, kind), path)
    data = Data(train=str(path), validation=str(path))
    assert load_rows(str(path), data, None).fingerprint == delimited.fingerprint
    one, zero = csv.split()[:2]
    mapped = data.model_copy(update={"label_names": {names[0]: "no", names[1]: "yes"}})
    assert load_rows(str(path), mapped, None).label_names == ("no", "yes")
    written = load(tmp_path, "text,label\na," + one + "\nb," + zero + "\n", label_names={one: "yes", zero: "no"})
    assert sorted(written.label_names) == ["no", "yes"]


@pytest.mark.parametrize(
    "feature",
    [
        {"_type": "Sequence", "feature": {"_type": "ClassLabel", "names": ["rude", "toxic", "calm"]}},
        {"_type": "List", "feature": {"_type": "ClassLabel", "names": ["rude", "toxic", "calm"]}},
        [{"_type": "ClassLabel", "names": ["rude", "toxic", "calm"]}],
    ],
)
def test_lists_of_class_ids_that_carry_names(tmp_path, feature):
    ids = [[0, 1], [1, 0], [2, 0]]
    table = pyarrow.table({"text": ["a", "b", "c"], "label": ids})
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": feature}}})}
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)
    data = Data(train=str(path), validation=str(path), problem_type="multi_label_classification")
    rows = load_rows(str(path), data, None)
    assert rows.label_names == ("rude", "toxic", "calm")
    assert rows.labels.tolist() == [[1, 1, 0], [1, 1, 0], [1, 0, 1]]


def test_semicolons_and_another_encoding(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('id;text;label\n1;"süß; wirklich, ja";gut\n2;schön, aber fad;schlecht\n'.encode("cp1252"))
    with pytest.raises(DataError, match="line 2: not valid UTF-8") as caught:
        load_rows(str(path), Data(train=str(path), validation=str(path)), None)
    assert "data.encoding: cp1252" in caught.value.hint
    rows = load_rows(str(path), Data(train=str(path), validation=str(path), encoding="cp1252"), None)
    assert rows.texts == ["süß; wirklich, ja", "schön, aber fad"]
    assert rows.label_names == ("gut", "schlecht")


def test_a_delimiter_that_is_told(tmp_path):
    content = "text;label;x|text|label\na;b;c|d|e\nf;g;h|i|j\n"
    assert "with each of the delimiters ';', '|'" in refusal(tmp_path, content)
    assert load(tmp_path, content, delimiter=";").texts == ["a", "f"]
    assert load(tmp_path, content, delimiter="|").texts == ["d", "i"]
    with pytest.raises(ValidationError, match="no text encoding that Python knows"):
        Data(train="a", validation="b", encoding="klingon")
    with pytest.raises(ValidationError, match="save the file as UTF-8"):
        Data(train="a", validation="b", encoding="utf-16")


def test_one_folder_for_each_class(tmp_path):
    for name, text in {
        "neg/1.txt": "dull\n",
        "neg/2": "stale",
        "pos/1.txt": "warm\nand funny\r\n",
        "README": "x",
    }.items():
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    data = Data(train=str(tmp_path / "data"), validation=str(tmp_path / "data"))
    rows = load_rows(data.train, data, None)
    assert rows.texts == ["dull", "stale", "warm\nand funny"]
    assert rows.label_names == ("neg", "pos")
    assert rows.labels.tolist() == [0, 0, 1]
    before = data_fingerprints(data)
    assert data_fingerprints(data) == before
    (tmp_path / "data/pos/1.txt").rename(tmp_path / "data/pos/3.txt")
    assert data_fingerprints(data) != before
    (tmp_path / "data/neg/4.pdf").write_bytes(b"%PDF")
    with pytest.raises(DataError, match=r"4\.pdf is no text file"):
        load_rows(data.train, data, None)
    with pytest.raises(DataError, match="without a folder for each class"):
        load_rows(str(tmp_path / "data/pos"), data, None)


def test_texts_that_are_no_strings(tmp_path):
    records = [{"text": 5, "label": "x"}, {"text": None, "label": "y"}, {"text": "\ud800", "label": "x"}]
    message = refusal(tmp_path, jsonl(*records), name="a.jsonl")
    assert "no string but int in column 'text': line 1" in message
    assert "empty text in column 'text': line 2" in message
    assert "half a surrogate pair in column 'text': line 3" in message


def test_labels_that_the_teacher_does_not_know(tmp_path):
    message = refusal(tmp_path, "text,label\na,good\nb,negative\nc,good\nd,bad\n", ["negative", "positive"])
    assert "label 'good', which is none of negative, positive: lines 2, 4" in message
    assert "label 'bad', which is none of negative, positive: line 5" in message


def test_numbers_are_never_a_teachers_names_by_place(tmp_path):
    assert "label '0'" in refusal(tmp_path, "text,label\na,0\nb,1\n", ["negative", "positive"])


def test_a_value_without_a_name(tmp_path):
    message = refusal(tmp_path, "text,label\na,0\nb,2\n", label_names={"0": "no", "1": "yes"})
    assert "label '2' in column 'label' is not in data.label_names: line 3" in message


def test_regression_labels_that_are_no_numbers(tmp_path):
    message = refusal(tmp_path, "text,label\na,1\nb,x\nc,inf\nd,\n", problem_type="regression")
    assert "'x'" in message
    assert "'inf'" in message
    assert "missing label in column 'label': line 5" in message


def test_multi_label_columns_hold_zeros_and_ones(tmp_path):
    message = refusal(tmp_path, "text,p,q\na,1,2\nb,,0\n", label=["p", "q"], problem_type="multi_label_classification")
    assert "label '2' in column 'q': line 2" in message
    assert "missing label in column 'p': line 3" in message


def test_multi_label_needs_a_column_for_each_label_of_the_teacher(tmp_path):
    message = refusal(
        tmp_path, "text,p\na,1\nb,0\n", ["p", "q"], label=["p"], problem_type="multi_label_classification"
    )
    assert "without a column: 'q'" in message


def test_multi_label_of_one_string_column_says_how(tmp_path):
    assert "no list of labels" in refusal(tmp_path, "text,label\na,x\nb,y\n", problem_type="multi_label_classification")


def test_label_columns_and_problem_type_must_go_together(tmp_path):
    with pytest.raises(RecipeError, match="multi_label_classification"):
        load(tmp_path, "text,p\na,1\n", label=["p"])
    with pytest.raises(RecipeError, match="lists no column"):
        load(tmp_path, "text,p\na,1\n", label=[], problem_type="multi_label_classification")


def test_parquet_class_names_are_used(tmp_path):
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    path = tmp_path / "a.parquet"
    datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features).to_parquet(path)
    rows = load_rows(str(path), Data(train=str(path), validation=str(path)), ["Positive", "Negative"])
    assert rows.label_names == ("Positive", "Negative")
    assert rows.labels.tolist() == [0, 1]
    datasets.Dataset.from_dict({"text": ["a", "b"], "label": [-1, 0]}, features=features).to_parquet(path)
    with pytest.raises(DataError, match="missing label in column 'label': row 1"):
        load_rows(str(path), Data(train=str(path), validation=str(path)), None)


def test_sst2_as_glue_gives_it(sst2):
    path = str(sst2 / "validation.tsv")
    data = Data(train=path, validation=path, text="sentence", label_names={"0": "negative", "1": "positive"})
    rows = load_rows(path, data, None)
    # GLUE's dev set: 872 sentences, 444 of them positive.
    assert len(rows) == 872
    assert int(rows.labels.sum()) == 444
    assert rows.label_names == ("negative", "positive")


MULTI = {"problem_type": "multi_label_classification", "name": "a.jsonl"}


@pytest.mark.parametrize("flag", [int, float, bool, str])
def test_multi_hot_lists_are_a_flag_for_each_label(tmp_path, flag):
    rows = [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    records = [{"text": f"t{n}", "label": [flag(v) for v in row]} for n, row in enumerate(rows)]
    unnamed = load(tmp_path, jsonl(*records), **MULTI)
    assert unnamed.label_names == ("0", "1", "2")
    assert unnamed.labels.tolist() == rows
    names = {"0": "toxic", "1": "rude", "2": "calm"}
    named = load(tmp_path, jsonl(*records), ["calm", "rude", "toxic"], label_names=names, **MULTI)
    assert named.label_names == ("calm", "rude", "toxic")
    assert named.labels.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 1]]


def test_places_of_a_multi_hot_list_are_never_matched_by_place(tmp_path):
    content = jsonl({"text": "a", "label": [1, 1, 0]}, {"text": "b", "label": [0, 0, 1]})
    assert "doesn't know the labels '0', '1', '2'" in refusal(tmp_path, content, ["calm", "rude", "toxic"], **MULTI)
    message = refusal(tmp_path, content, label_names={"0": "x", "1": "y"}, **MULTI)
    assert "holds 3 zeros and ones in each row, data.label_names names '0', '1'" in message


def test_two_flags_that_could_be_labels_are_refused(tmp_path):
    different = jsonl({"text": "a", "label": [1, 0]}, {"text": "b", "label": [0, 1]})
    assert "flags, or labels called 0 and 1?" in refusal(tmp_path, different, **MULTI)
    equal = jsonl({"text": "a", "label": [1, 0]}, {"text": "b", "label": [1, 1]})
    assert load(tmp_path, equal, **MULTI).labels.tolist() == [[1, 0], [1, 1]]


def test_lists_of_class_ids_are_lists_of_labels(tmp_path):
    content = jsonl(*({"text": f"t{n}", "label": ids} for n, ids in enumerate([[0], [1], [2, 0], []])))
    rows = load(tmp_path, content, **MULTI)
    assert rows.labels.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_a_label_twice_in_one_row(tmp_path):
    content = jsonl({"text": "a", "label": ["x", "y", "x"]}, {"text": "b", "label": ["y"]})
    assert "label 'x' twice in column 'label': line 1" in refusal(tmp_path, content, **MULTI)


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("\ud83d", "half a surrogate pair"),
        ("a\nb", "control character U+000A"),
        ("a\u2028b", "control character U+2028"),
        ("a\u202eb", "control character U+202E"),
        ("x" * 201, "has 201 characters"),
    ],
)
def test_labels_that_no_manifest_takes_are_refused_with_their_rows(tmp_path, label, why):
    records = [{"text": "a", "label": "fine"}, {"text": "b", "label": label}]
    message = refusal(tmp_path, jsonl(*records), name="a.jsonl")
    assert why in message
    assert "line 2" in message
    message.encode()
    listed = [{"text": "a", "label": ["fine"]}, {"text": "b", "label": [label]}]
    assert why in refusal(tmp_path, jsonl(*listed), **MULTI)


def test_names_of_the_teacher_must_fit_a_manifest_too(tmp_path):
    assert "'b\\tc' has the control character" in refusal(tmp_path, "text,label\na,a\nb,a\n", ["a", "b\tc"])

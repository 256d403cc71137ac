"""Soft labels: what is read, in which order, and what is no probability."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ackd_deploy.data import load_rows, tuning_split
from ackd_deploy.data.split import calibration_slice
from ackd_deploy.data.unlabeled import has_label
from ackd_deploy.errors import DataError, RecipeError
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.recipe.sections import Data, HeldOut


def load(tmp_path: Path, content: str, known: list[str] | None = None, **keys: Any):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    data = Data(train=str(path), validation="v.csv", **{"soft_labels": ["p_neg", "p_pos"], **keys})
    return load_rows(data.train, data, known)


def refusal(*arguments: Any, **keys: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(*arguments, **keys)
    assert caught.value.exit_code == 5
    assert caught.value.hint
    return caught.value.message


MIXED = "text,label,p_neg,p_pos\na,pos,0.2,0.8\nb,,0.7,0.3\nc,neg,,\nd,neg,0,1\n"


def test_rows_have_a_label_or_soft_labels_or_both(tmp_path: Path) -> None:
    rows = load(tmp_path, MIXED)
    assert rows.label_names == ("neg", "pos")
    assert rows.labels.tolist() == [1, -1, 0, 0]
    assert rows.soft is not None
    assert np.allclose(rows.soft, [[0.2, 0.8], [0.7, 0.3], [np.nan, np.nan], [0, 1]], equal_nan=True)
    assert rows.take([1, 3]).soft.tolist() == rows.soft[[1, 3]].tolist()
    other = load(tmp_path, MIXED.replace("0.2,0.8", "0.3,0.7"))
    assert other.fingerprint != rows.fingerprint


def test_a_mapping_counts_by_name_and_a_list_by_place(tmp_path: Path) -> None:
    names = ["pos", "neg"]
    by_place = load(tmp_path, MIXED, names)
    by_name = load(tmp_path, MIXED, names, soft_labels={"Neg": "p_neg", "pos": "p_pos"})
    assert by_place.soft[0].tolist() == pytest.approx([0.2, 0.8])
    assert by_name.soft[0].tolist() == pytest.approx([0.8, 0.2])
    assert by_name.labels.tolist() == [0, -1, 1, 1]


def test_without_a_label_column_the_mapping_names_the_labels(tmp_path: Path) -> None:
    content = "text,p_neg,p_pos\na,0.2,0.8\nb,0.7,0.3\n"
    rows = load(tmp_path, content, soft_labels={"neg": "p_neg", "pos": "p_pos"})
    assert (rows.label_names, rows.labels.tolist()) == (("neg", "pos"), [-1, -1])
    assert load(tmp_path, content, ["no", "yes"]).label_names == ("no", "yes")
    # Names that transformers makes up are no names.
    generic = load(tmp_path, content, ["LABEL_0", "LABEL_1"], soft_labels={"neg": "p_neg", "pos": "p_pos"})
    assert generic.label_names == ("neg", "pos")
    assert "what the labels of data.soft_labels are called" in refusal(tmp_path, content)


def test_independent_probabilities_of_a_multi_label_task(tmp_path: Path) -> None:
    content = "text,a,b,pa,pb\nx,1,0,0.9,0.8\ny,,,0.1,0\nz,0,1,,\n"
    rows = load(
        tmp_path,
        content,
        soft_labels={"b": "pb", "a": "pa"},
        label=["a", "b"],
        problem_type="multi_label_classification",
    )
    names = list(rows.label_names)
    assert rows.soft[0].tolist() == pytest.approx([{"a": 0.9, "b": 0.8}[name] for name in names])
    assert has_label(rows.labels).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,pos,0.2,0.7", r"sum to 0.9 and not to 1: line 3"),
        ("a,pos,0.2,1.8", r"soft label '1.8' is not a number from 0 to 1: line 3"),
        ("a,pos,-0.1,0.9", r"soft label '-0.1' is not a number"),
        ("a,pos,nan,0.9", r"soft label 'nan' is not a number"),
        ("a,pos,x,0.9", r"soft label 'x' is not a number"),
        ("a,pos,,0.9", r"a soft label without 'p_neg': line 3"),
        ("a,,,", r"neither a label nor soft labels: line 3"),
    ],
)
def test_what_is_no_soft_label(tmp_path: Path, row: str, said: str) -> None:
    message = refusal(tmp_path, f"text,label,p_neg,p_pos\nb,neg,1,0\n{row}\nc,pos,0,1\n")
    assert said in message


def test_rounded_rows_are_divided_by_their_sum(tmp_path: Path) -> None:
    rows = load(tmp_path, "text,label,p_neg,p_pos\nb,neg,0.33,0.66\nc,pos,0,1\n")
    assert rows.soft[0].tolist() == pytest.approx([1 / 3, 2 / 3])


def test_columns_and_labels_are_as_many(tmp_path: Path) -> None:
    assert "2 columns for the 3 labels" in refusal(tmp_path, MIXED, ["neg", "neutral", "pos"])
    mapped = {"neg": "p_neg", "other": "p_pos"}
    assert "other" in refusal(tmp_path, MIXED, ["neg", "pos"], soft_labels=mapped)
    assert "no column 'p_pos'" in refusal(tmp_path, "text,label,p_neg\na,pos,1\n")


def test_a_regression_has_none() -> None:
    text = "data: {train: a.csv, validation: b.csv, problem_type: regression, soft_labels: [a, b]}\nteacher: {model: m}"
    with pytest.raises(RecipeError, match=r"ordinary label, so name its column in data\.label"):
        parse_recipe(text)
    for given, said in (("[a]", "at least two"), ("[a, a]", "twice"), ("3", r"soft_labels: should be .*list")):
        with pytest.raises(RecipeError, match=said):
            parse_recipe(f"data: {{train: a, validation: b, soft_labels: {given}}}\nteacher: {{model: m}}")


def test_what_is_chosen_by_labels_is_chosen_on_rows_with_one(tmp_path: Path) -> None:
    lines = [f"t{n},{'' if n % 2 else 'pos' if n % 4 else 'neg'},0.5,0.5" for n in range(40)]
    rows = load(tmp_path, "\n".join(["text,label,p_neg,p_pos", *lines]))
    assert has_label(rows.take(calibration_slice(rows, 15, seed=1)).labels).all()
    train, tuning = tuning_split(rows, 5, seed=1)
    assert tuning is not None
    assert (len(train), len(tuning)) == (35, 5)
    assert has_label(tuning.labels).all()


def test_without_any_label_nothing_is_chosen_by_labels(tmp_path: Path) -> None:
    content = "text,p_neg,p_pos\na,0.2,0.8\nb,0.7,0.3\n"
    rows = load(tmp_path, content, ["neg", "pos"])
    assert calibration_slice(rows, 2, seed=1).tolist() == [0, 1]
    with pytest.raises(DataError, match="tuning_rows needs rows with labels"):
        tuning_split(rows, 1, seed=1)


def test_few_labels_may_be_all_the_same(tmp_path: Path) -> None:
    rows = load(tmp_path, "text,label,p_neg,p_pos\na,pos,,\nb,,0.7,0.3\n", soft_labels={"neg": "p_neg", "pos": "p_pos"})
    assert rows.labels.tolist() == [1, -1]


def test_a_share_held_out_of_train_has_labels_and_no_text_of_the_rest(tmp_path: Path) -> None:
    lines = [f"t{n // 2},{'' if n % 2 else ('pos', 'neg')[n % 4 // 2]},0.5,0.5" for n in range(80)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label,p_neg,p_pos", *lines]))
    share = HeldOut(share=0.25)
    data = Data(train=f"{tmp_path}/a.csv", validation=share, soft_labels=["p_neg", "p_pos"])
    train, validation = load_rows(data.train, data, None), load_rows(share, data, None)
    assert len(validation) == 10
    assert has_label(validation.labels).all()
    assert not set(train.texts) & set(validation.texts)
    assert len(train) == 60


def test_wrong_soft_labels_may_be_skipped(tmp_path: Path) -> None:
    rows = load(tmp_path, MIXED + "e,pos,0.9,0.9\n", on_error="skip", max_skipped=0.5)
    assert rows.texts == ["a", "b", "c", "d"]

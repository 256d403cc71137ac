"""Each finding on rows made for it: counts, row numbers as the file has them, and nothing where there is nothing."""

import numpy as np
import pytest

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.profile import profile_parts
from ackd_deploy.data.skipped import SkippedRow
from ackd_deploy.data.source import Part
from ackd_deploy.recipe.sections import Data


def part(*rows, problem_type="single_label_classification", names=None, pairs=None, skipped=()):
    """A part of (text, label) rows, as a file with a header line has them: the first stands on line 2."""
    texts, labels = [row[0] for row in rows], [row[1] for row in rows]
    if problem_type == "regression":
        values, names = np.array(labels, dtype=np.float32), ("score",)
    else:
        names = names or tuple(dict.fromkeys(labels))
        values = np.array([names.index(label) for label in labels])
    found = LabeledTexts(texts, pairs, values, tuple(names), problem_type)
    return Part(found, "data.csv", "line", list(range(2, len(rows) + 2)), tuple(skipped))


def findings(train, validation=None, **keys):
    parts = {"train": train} | ({"validation": validation} if validation else {})
    data = Data(train="data.csv", validation="v.csv", problem_type=train.rows.problem_type, **keys)
    return {finding.kind: finding for finding in profile_parts(parts, data).findings}


# More than enough rows of two classes for nothing else to be found.
CLEAN = [(f"{'good' if n % 2 else 'bad'} film number {n}", "ab"[n % 2]) for n in range(20)]


def test_clean_data_has_no_findings():
    validation = part(("another film", "a"), ("one more film", "b"), names=("a", "b"))
    assert findings(part(*CLEAN), validation) == {}


def test_conflicting_labels_and_duplicates_with_their_lines():
    train = part(*CLEAN, ("Good  FILM number 1", "b"), ("bad film number 2", "b"), ("new", "a"), ("NEW", "a"))
    found = findings(train)
    assert found["conflicting_labels"].rows == [4, 23]
    assert found["conflicting_labels"].message == "1 text in 2 rows with different labels"
    assert found["duplicates"].rows == [22, 25]
    assert found["duplicates"].count == 2
    assert found["duplicates"].noun == "line"


def test_pairs_are_equal_where_both_texts_are():
    rows = [*CLEAN, ("same", "a"), ("same", "b"), ("same", "b")]
    pairs = [f"other {n}" for n in range(21)] + ["x", "X"]
    assert findings(part(*rows, pairs=pairs)).keys() == {"duplicates"}


def test_targets_of_a_regression_conflict_where_they_are_far_apart():
    rows = [(f"text {n}", float(n)) for n in range(11)]
    near = findings(part(*rows, ("text 3", 4.0), problem_type="regression"))
    assert near.keys() == {"duplicates"}
    far = findings(part(*rows, ("text 3", 4.1), problem_type="regression"))
    assert far["conflicting_labels"].rows == [5, 13]
    assert far["conflicting_labels"].message == "1 text in 2 rows with different targets"


def test_leaks_and_pieces_of_training_texts():
    train = part(*CLEAN, ("it is a warm and funny film indeed", "a"))
    validation = part(
        ("GOOD film number 1", "a"), ("a warm and funny film", "b"), ("funny film", "a"), ("a warm and funny end", "b"),
        names=("b", "a"),
    )  # fmt: skip
    found = findings(train, validation)
    assert found["leak"].rows == [2]
    assert found["pieces"].rows == [3]
    assert found["leak"].part == found["pieces"].part == "validation"


@pytest.mark.parametrize(
    ("other", "difference"),
    [("A", "case"), ("a\u200b", "an invisible character"), ("\uff41", "Unicode form")],
)
def test_classes_that_look_the_same(other, difference):
    found = findings(part(*CLEAN, *((f"x{n}", other) for n in range(9)), names=("a", "b", other)))["like_classes"]
    assert f"by {difference} alone" in found.message
    assert found.rows == [22, 23, 24, 25, 26, 27]
    assert found.count == 9


def test_a_class_without_held_out_rows_and_classes_with_few_or_rare_rows():
    train = part(*CLEAN, *((f"y{n}", "b") for n in range(90)), ("z", "c"), names=("a", "b", "c"))
    found = findings(train, part(("q", "a"), ("r", "b"), names=("a", "b", "c")))
    assert found["lacking_class"].message == "no row of 'c', which the training data has"
    assert "'c'" in found["few_rows"].message
    assert "'a' 10 to 'b' 100" in found["imbalance"].message


def test_rows_that_max_length_cuts():
    long = " ".join(["word"] * 40)
    found = findings(part(*CLEAN, (long, "a")), max_length=32)["cut"]
    assert found.rows == [22]
    # 1.3 tokens a word and two special ones: 54.
    assert found.message == "1 row (4.76 % of the rows) longer than max_length: the end is never read"
    assert found.hint == "data.max_length: 64 cuts at most 1 %, where the teacher has the positions"
    assert "cut" not in findings(part(*CLEAN, (long, "a")), max_length=54)
    # Two windows of 27 tokens, special ones aside, read 50 of the 52; two of 28 read all.
    windows = {"long_texts": "windows", "max_windows": 2}
    assert findings(part(*CLEAN, (long, "a")), max_length=27, **windows)["cut"].message.endswith("windows together")
    assert "cut" not in findings(part(*CLEAN, (long, "a")), max_length=28, **windows)
    middle = findings(part(*CLEAN, (long, "a")), max_length=32, long_texts="head_tail")["cut"]
    assert "the middle is never read" in middle.message


def test_skipped_rows():
    skipped = [SkippedRow("data.csv", "line", 40, "empty text"), SkippedRow("data.csv", "line", 41, "no label")]
    found = findings(part(*CLEAN, skipped=skipped))["skipped"]
    assert found.rows == [40, 41]
    assert "empty text, no label" in found.rule


def test_counts_of_multi_label_rows():
    flags = np.array([[1, 1], [0, 1], [1, 0], [0, 0]], dtype=np.float32)
    rows = LabeledTexts(["a", "b", "c", "d"], None, flags, ("x", "y"), "multi_label_classification")
    data = Data(train="a", validation="b", problem_type="multi_label_classification")
    profile = profile_parts({"train": Part(rows, "a", "row", [1, 2, 3, 4])}, data)
    assert [(entry.name, entry.rows["train"], entry.share) for entry in profile.classes] == [
        ("x", 2, 0.5),
        ("y", 2, 0.5),
    ]

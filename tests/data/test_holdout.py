"""The part held out of one file: groups of equal texts stay whole, and classes keep their shares."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd_deploy.data.holdout import held_out
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.source import load_part, load_rows
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data, HeldOut


def rows_of(texts, labels, problem_type="single_label_classification"):
    labels = np.array(labels)
    count = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=0)) + 1
    names = ("score",) if problem_type == "regression" else tuple(f"class {n}" for n in range(count))
    return LabeledTexts(list(texts), None, labels, names, problem_type)


@settings(max_examples=200, deadline=None)
@given(
    data=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=120),
    share=st.floats(0.02, 0.98),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_group_is_on_both_sides_and_every_class_is_on_each_where_it_can_be(data, share, seed):
    # Capitals and blanks make no other text.
    texts = [("Text  {}" if place % 2 else "text {}").format(text) for place, (text, _) in enumerate(data)]
    rows = rows_of(texts, [label for _, label in data])
    chosen = set(held_out(rows, share, seed=seed).tolist())
    assert chosen == set(held_out(rows, share, seed=seed).tolist())
    for text in {text for text, _ in data}:
        group = {place for place, (other, _) in enumerate(data) if other == text}
        assert group <= chosen or not group & chosen
    held = {data[place][0] for place in chosen}
    counts = Counter(label for _, label in data)
    for label in counts:
        # A text with several labels counts among the texts of the rarest of them.
        own = {
            t
            for t, _ in data
            if label == min({other for text, other in data if text == t}, key=lambda x: (counts[x], x))
        }
        assert 0 < len(held & own) < len(own) or len(own) < 2


def test_each_class_gives_its_share():
    labels = [0] * 900 + [1] * 90 + [2] * 10
    rows = rows_of([f"text {n}" for n in range(1000)], labels)
    chosen = held_out(rows, 0.1, seed=1)
    assert np.bincount(rows.labels[chosen]).tolist() == [90, 9, 1]
    assert held_out(rows, 0.1, seed=2).tolist() != chosen.tolist()


def test_a_regression_keeps_its_distribution_and_rare_labels_are_on_both_sides():
    rng = np.random.default_rng(0)
    targets = rng.exponential(size=1000).astype(np.float32)
    texts = [f"text {n}" for n in range(1000)]
    chosen = held_out(rows_of(texts, targets, "regression"), 0.2, seed=0)
    assert len(chosen) == 200
    bounds = np.quantile(targets, [0.25, 0.5, 0.75])
    assert np.bincount(np.searchsorted(bounds, targets[chosen])).tolist() == pytest.approx([50] * 4, abs=6)
    flags = np.zeros((1000, 3), dtype=np.float32)
    flags[:, 0] = 1
    flags[:4, 2] = 1
    chosen = held_out(rows_of(texts, flags, "multi_label_classification"), 0.1, seed=0)
    assert flags[chosen].sum(axis=0).tolist() == [len(chosen), 0, 1]


def test_a_recipe_that_holds_out_a_share_reads_two_parts_of_one_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"text {n % 40},{'ab'[n % 2]}\n" for n in range(60)), encoding="utf-8")
    data = Data(train=str(path), validation=HeldOut(share=0.25))
    train, validation = load_part(data.train, data, None), load_part(data.validation, data, None)
    assert sorted(train.numbers + validation.numbers) == list(range(2, 62))
    assert not set(train.rows.texts) & set(validation.rows.texts)
    assert validation.rows.texts == [f"text {(number - 2) % 40}" for number in validation.numbers]
    assert len(validation.rows) == pytest.approx(15, abs=2)
    assert load_rows(str(path), data, None).texts == train.rows.texts
    # Another file, such as data.test, is read whole.
    other = tmp_path / "b.csv"
    other.write_bytes(path.read_bytes())
    assert len(load_rows(str(other), data, None)) == 60


def test_a_file_of_which_nothing_can_be_held_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb,y\nA,x\n", encoding="utf-8")
    data = Data(train=str(path), validation=HeldOut(share=0.1))
    with pytest.raises(DataError, match="each class has one text only"):
        load_rows(data.validation, data, None)

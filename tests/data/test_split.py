"""Subsets and slices: nested, seeded, apart from each other; rows that two sets share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.data import LabeledTexts, calibration_slice, shared_rows, subset, tuning_split
from ackd_deploy.data.split import draw
from ackd_deploy.errors import DataError


def rows(texts, pairs=None):
    return LabeledTexts(list(texts), pairs, np.arange(len(texts)), ("a",), "single_label_classification")


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 2**32 - 1))
def test_draws_are_nested_ascending_and_distinct(size, one, two, seed):
    small, large = sorted((one, two))
    inner = draw(size, small, seed=seed, purpose="subset").tolist()
    outer = draw(size, large, seed=seed, purpose="subset").tolist()
    assert outer == sorted(set(outer))
    assert len(outer) == min(size, large)
    assert set(inner) <= set(outer) <= set(range(size))


def test_subset_keeps_order_and_labels():
    every = rows([str(n) for n in range(100)])
    part = subset(every, 10, seed=5)
    assert [int(text) for text in part.texts] == part.labels.tolist() == sorted(part.labels.tolist())
    assert part.texts == subset(every, 10, seed=5).texts
    assert part.texts != subset(every, 10, seed=6).texts


def test_nothing_to_leave_out_gives_the_same_object():
    every = rows("abc")
    assert subset(every, None, seed=0) is every
    assert subset(every, 3, seed=0) is every


def test_calibration_rows_are_not_the_subset_of_the_same_seed():
    every = rows([str(n) for n in range(1000)])
    chosen = calibration_slice(every, 50, seed=5)
    assert len(chosen) == 50
    assert chosen.tolist() != subset(every, 50, seed=5).labels.tolist()


def test_shared_rows_look_past_case_and_blanks_and_at_the_pair():
    assert shared_rows(rows(["A  good film", "bad"]), rows(["a good film ", "good", "BAD"])).tolist() == [0, 2]
    assert shared_rows(rows(["a"], ["x"]), rows(["a", "a"], ["y", "X"])).tolist() == [1]


@given(st.lists(st.sampled_from(["a", "A ", "b", "c", "d", "e"]), min_size=1, max_size=30), st.integers(1, 30))
def test_no_text_is_trained_on_and_tuned_on(texts, count):
    every = rows(texts)
    try:
        train, tuning = tuning_split(every, count, seed=3)
    except DataError:
        return
    assert len(tuning) >= min(count, len(every))
    assert sorted([*train.labels, *tuning.labels]) == list(range(len(texts)))
    assert not {text.strip().lower() for text in train.texts} & {text.strip().lower() for text in tuning.texts}


def test_without_tuning_rows_all_are_trained_on():
    every = rows("abc")
    assert tuning_split(every, None, seed=1) == (every, None)
    with pytest.raises(DataError, match=r"tuning_rows is 3, .* 3 rows"):
        tuning_split(every, 3, seed=1)

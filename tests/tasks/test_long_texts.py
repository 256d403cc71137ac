"""Which tokens of a long text are read: by hand, and for any length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ackd_deploy.tasks.long_texts import LongTextRule, mean_by_row, read_whole

HEAD_TAIL = LongTextRule(mode="head_tail")


def single(tokens: int) -> list[int | None]:
    """[CLS] text [SEP]."""
    return [None, *[0] * tokens, None]


def pair(first: int, second: int) -> list[int | None]:
    """<s> first </s></s> second </s>."""
    return [None, *[0] * first, None, None, *[1] * second, None]


def test_head_and_tail_are_those_of_the_literature():
    """Sun et al. 2019, section 5.3.1: the first 128 and the last 382 of the 510 tokens beside [CLS] and [SEP]."""
    (kept,), used = read_whole(single(1000), 512, HEAD_TAIL)
    assert kept == [0, *range(1, 129), *range(619, 1001), 1001]
    assert used == 512


def test_windows_by_hand():
    """Room for 6 and a step of 4; the last window ends with the text."""
    rule = LongTextRule(mode="windows", overlap=0.4)
    windows, used = read_whole(single(13), 8, rule)
    assert [window[1:-1] for window in windows] == [[*range(1, 7)], [*range(5, 11)], [*range(8, 14)]]
    assert all(window[0] == 0 and window[-1] == 14 for window in windows)
    assert used == 15


def test_too_many_windows_lie_evenly_and_leave_tokens_out():
    rule = LongTextRule(mode="windows", overlap=0.0, max_windows=3)
    windows, used = read_whole(single(100), 12, rule)
    assert [window[1] for window in windows] == [1, 46, 91]
    assert windows[-1][-2] == 100
    assert used == 2 + 3 * 10


def test_the_longer_text_of_a_pair_gives_way_first():
    (kept,), used = read_whole(pair(20, 4), 16, HEAD_TAIL)
    # 12 tokens have room: the shorter text keeps its 4, the longer one 2 + 6 of its 20.
    assert kept == [0, 1, 2, *range(15, 21), 21, 22, 23, 24, 25, 26, 27]
    assert used == 16


@pytest.mark.parametrize(("first", "second", "expected"), [(30, 30, (6, 7)), (31, 30, (7, 6)), (3, 30, (3, 10))])
def test_two_long_texts_share_the_room_as_the_tokenizer_cuts_them(first: int, second: int, expected: tuple[int, int]):
    (kept,), _ = read_whole(pair(first, second), 17, HEAD_TAIL)
    row = pair(first, second)
    assert tuple(sum(row[place] == text for place in kept) for text in (0, 1)) == expected


rules = st.one_of(
    st.builds(LongTextRule, mode=st.just("head_tail"), head=st.floats(0.01, 0.99)),
    st.builds(
        LongTextRule,
        mode=st.just("windows"),
        overlap=st.floats(0.0, 0.9),
        max_windows=st.integers(2, 64),
    ),
)


@given(tokens=st.integers(0, 300), max_length=st.integers(4, 60), rule=rules)
def test_any_single_text(tokens: int, max_length: int, rule: LongTextRule):
    row = single(tokens)
    windows, used = read_whole(row, max_length, rule)
    assert all(window == sorted(set(window)) for window in windows)
    assert all({0, tokens + 1} <= set(window) for window in windows)
    assert used == len({place for window in windows for place in window})
    if tokens + 2 <= max_length:
        assert windows == [list(range(tokens + 2))]
        return
    assert {len(window) for window in windows} == {max_length}  # none is short
    if rule.mode == "head_tail":
        assert len(windows) == 1
        return
    assert 1 in windows[0]
    assert tokens in windows[-1]
    assert 2 <= len(windows) <= rule.max_windows
    assert len({tuple(window) for window in windows}) == len(windows)
    if len(windows) < rule.max_windows:
        assert used == tokens + 2


def test_windows_are_of_single_texts():
    with pytest.raises(ValueError, match="single texts"):
        read_whole(pair(20, 20), 16, LongTextRule(mode="windows"))


def test_a_rule_is_bounded():
    for wrong in ({"mode": "cut"}, {"mode": "windows", "max_windows": 65}, {"mode": "windows", "overlap": 0.95}):
        with pytest.raises(ValidationError):
            LongTextRule.model_validate(wrong)


def test_means_of_rows_by_hand():
    logits = np.array([[1, 2], [3, 0], [5, 5], [0, 1], [0, 0], [3, 5]], dtype=np.float32)
    np.testing.assert_array_equal(mean_by_row(logits, [2, 1, 3]), [[2, 1], [5, 5], [1, 2]])
    assert mean_by_row(logits, [1] * 6).dtype == np.float32
    np.testing.assert_array_equal(mean_by_row(logits, [1] * 6), logits)

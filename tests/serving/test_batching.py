"""serving/ackd_service/batching.py"""

from __future__ import annotations

from ackd_service.batching import choose_batch
from hypothesis import given
from hypothesis import strategies as st


def test_nothing_waits():
    assert choose_batch([], 32, 4096) == []


def test_the_oldest_goes_with_those_nearest_in_length():
    # Oldest has 10 tokens; 9 and 12 are nearest, 128 and 40 stay.
    assert choose_batch([10, 128, 9, 40, 12], max_rows=3, max_tokens=4096) == [0, 2, 4]


def test_of_equally_near_rows_the_older_goes_first():
    assert choose_batch([10, 11, 9, 11], max_rows=3, max_tokens=4096) == [0, 1, 2]


def test_padding_counts_against_the_token_budget():
    # 2 rows × 30 tokens = 60 fit into 64; a third, of 25, would make 90.
    assert choose_batch([30, 28, 25], max_rows=32, max_tokens=64) == [0, 1]


def test_a_row_longer_than_the_budget_goes_alone():
    assert choose_batch([500, 3, 4], max_rows=32, max_tokens=100) == [0]


def test_a_long_row_does_not_make_the_short_ones_pay():
    # 12 rows of 10 tokens and one of 100: together 1,300 padded tokens, of which 1,080 would be padding.
    assert choose_batch([10] * 6 + [100] + [10] * 6, max_rows=32, max_tokens=4096) == [
        0,
        1,
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        10,
        11,
        12,
    ]


def test_a_little_padding_is_cheaper_than_another_run():
    # 5 + 20 tokens padded to 2 × 20 = 40: below 1.25 × 25 + 32.
    assert choose_batch([5, 20], max_rows=32, max_tokens=4096) == [0, 1]


@given(st.lists(st.integers(1, 512), min_size=1, max_size=130), st.integers(1, 40), st.integers(1, 5000))
def test_bounds_hold_and_the_oldest_always_goes(lengths: list[int], max_rows: int, max_tokens: int):
    chosen = choose_batch(lengths, max_rows, max_tokens)
    assert chosen[0] == 0
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= max_rows
    assert len(chosen) == 1 or len(chosen) * max(lengths[i] for i in chosen) <= max_tokens

"""ackd_deploy/serving/batching.py"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.serving.batching import choose_batch


def test_nothing_waits():
    assert choose_batch([], 32, 4096, 4) == []


def test_the_oldest_goes_with_those_nearest_in_length():
    # Oldest has 10 tokens; 9 and 12 are nearest, 128 and 40 stay.
    assert choose_batch([10, 128, 9, 40, 12], max_rows=3, max_tokens=4096, run_tokens=4) == [0, 2, 4]


def test_of_equally_near_rows_the_older_goes_first():
    assert choose_batch([10, 11, 9, 11], max_rows=3, max_tokens=4096, run_tokens=4) == [0, 1, 2]


def test_padding_counts_against_the_token_budget():
    # 2 rows × 30 tokens = 60 fit into 64; a third, of 25, would make 90.
    assert choose_batch([30, 28, 25], max_rows=32, max_tokens=64, run_tokens=4) == [0, 1]


def test_a_row_longer_than_the_budget_goes_alone():
    assert choose_batch([500, 3, 4], max_rows=32, max_tokens=100, run_tokens=4) == [0]


def test_a_long_row_does_not_make_the_short_ones_pay():
    lengths = [10] * 6 + [100] + [10] * 6
    assert choose_batch(lengths, max_rows=32, max_tokens=4096, run_tokens=4) == [*range(6), *range(7, 13)]


def test_padding_is_taken_as_long_as_another_run_costs_more():
    # Beside 20 tokens, 15 need 5 of padding: less than a run worth 6 tokens, more than one worth 4.
    assert choose_batch([20, 15], max_rows=32, max_tokens=4096, run_tokens=6) == [0, 1]
    assert choose_batch([20, 15], max_rows=32, max_tokens=4096, run_tokens=4) == [0]


def test_a_longer_row_pads_all_those_before_it():
    # 12 tokens beside two of 10 make both longer by 2: 4 in all, then beside three of 10 it would be 6.
    assert choose_batch([10, 10, 12], max_rows=32, max_tokens=4096, run_tokens=4) == [0, 1, 2]
    assert choose_batch([10, 10, 10, 12], max_rows=32, max_tokens=4096, run_tokens=4) == [0, 1, 2]


def test_where_a_run_costs_more_than_any_padding_all_go_together():
    assert choose_batch([3, 100, 20], max_rows=32, max_tokens=4096, run_tokens=4096) == [0, 1, 2]


@given(
    st.lists(st.integers(1, 512), min_size=1, max_size=130),
    st.integers(1, 40),
    st.integers(1, 5000),
    st.floats(1, 5000),
)
def test_bounds_hold_and_the_oldest_always_goes(lengths: list[int], max_rows: int, max_tokens: int, run_tokens: float):
    chosen = choose_batch(lengths, max_rows, max_tokens, run_tokens)
    longest = max(lengths[i] for i in chosen)
    assert chosen[0] == 0
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= max_rows
    assert len(chosen) == 1 or len(chosen) * longest <= max_tokens
    # Never worse than all rows apart.
    assert len(chosen) * longest + run_tokens <= sum(lengths[i] + run_tokens for i in chosen) + 1e-6

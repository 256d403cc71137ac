"""Batches: every row once, sizes and budgets kept, chance from seed and epoch alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.data.batches import bucketed_batches, sorted_batches

lengths_of = st.lists(st.integers(1, 512), max_size=300)
sizes = st.integers(1, 40)
budgets = st.none() | st.integers(1, 2000)


def padding_share(lengths, batches):
    """Return the share of padded positions, in [0, 1), that the batches hold."""
    sizes = np.asarray(lengths)
    padded = sum(len(batch) * sizes[batch].max() for batch in batches)
    return 1.0 - sum(sizes[batch].sum() for batch in batches) / padded


def rows_of(batches):
    return sorted(int(row) for batch in batches for row in batch)


@given(lengths_of, sizes, budgets, st.integers(0, 2**32 - 1), st.integers(0, 50))
def test_each_row_exactly_once_within_the_bounds(lengths, size, budget, seed, epoch):
    batches = bucketed_batches(lengths, size, seed=seed, epoch=epoch, max_tokens=budget)
    assert rows_of(batches) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= size
        padded = len(batch) * max(lengths[row] for row in batch)
        assert budget is None or padded <= budget or len(batch) == 1


@given(lengths_of, sizes, st.integers(0, 2**32 - 1))
def test_without_a_budget_the_number_of_batches_is_known(lengths, size, seed):
    batches = bucketed_batches(lengths, size, seed=seed, epoch=0)
    assert len(batches) == -(-len(lengths) // size)
    assert sum(len(batch) < size for batch in batches) <= 1


@given(lengths_of, sizes, budgets, st.integers(0, 1000), st.integers(0, 10))
def test_same_seed_and_epoch_same_batches(lengths, size, budget, seed, epoch):
    first, second = (bucketed_batches(lengths, size, seed=seed, epoch=epoch, max_tokens=budget) for _ in range(2))
    assert [b.tolist() for b in first] == [b.tolist() for b in second]


@given(lengths_of, sizes, budgets)
def test_sorted_batches_hold_each_row_once_longest_first(lengths, size, budget):
    batches = sorted_batches(lengths, size, max_tokens=budget)
    assert rows_of(batches) == list(range(len(lengths)))
    ordered = [lengths[row] for batch in batches for row in batch]
    assert ordered == sorted(ordered, reverse=True)
    assert budget is None or all(len(b) * lengths[b[0]] <= budget or len(b) == 1 for b in batches)


def test_epochs_and_seeds_differ_and_equal_lengths_are_mixed_too():
    lengths = [7] * 640
    first = bucketed_batches(lengths, 32, seed=0, epoch=0)
    assert [b.tolist() for b in first] != [b.tolist() for b in bucketed_batches(lengths, 32, seed=0, epoch=1)]
    assert [b.tolist() for b in first] != [b.tolist() for b in bucketed_batches(lengths, 32, seed=1, epoch=0)]
    # Not the same companions in another order: the sets themselves differ.
    again = bucketed_batches(lengths, 32, seed=0, epoch=1)
    assert {frozenset(b.tolist()) for b in first}.isdisjoint({frozenset(b.tolist()) for b in again})


def test_batches_do_not_come_in_order_of_length():
    rng = np.random.default_rng(3)
    lengths = rng.integers(3, 60, size=2048)
    longest = [int(lengths[batch].max()) for batch in bucketed_batches(lengths, 32, seed=0, epoch=0)]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


def test_bucketing_leaves_little_padding():
    lengths = np.random.default_rng(0).integers(3, 60, size=5000)
    order = np.random.default_rng(0).permutation(5000)
    plain = [order[i : i + 32] for i in range(0, 5000, 32)]
    assert padding_share(lengths, plain) > 0.4
    assert padding_share(lengths, bucketed_batches(lengths, 32, seed=0, epoch=0)) < 0.05


def test_padding_share_by_hand():
    # Batch (2, 4): 8 positions, 6 real. Batch (5): 5 of 5. So 2 of 13 are padding.
    assert padding_share([2, 4, 5], [np.array([0, 1]), np.array([2])]) == pytest.approx(2 / 13)


def test_budget_by_hand():
    # Sorted 5 4 4 1, at most 8 padded tokens: (5), (4, 4), (1).
    batches = sorted_batches([4, 5, 1, 4], 4, max_tokens=8)
    assert [b.tolist() for b in batches] == [[1], [0, 3], [2]]


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"batch_size": 1, "max_tokens": 0}])
def test_bounds_below_one_are_refused(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        sorted_batches([1, 2], **arguments)

"""Which rows a step trains on, with and without a token budget."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.training.batch_schedule import BatchSchedule


def test_steps_without_a_budget() -> None:
    lengths = np.full(100, 7)
    # ceil(100 / 32) = 4 batches an epoch.
    assert BatchSchedule(lengths, 32, 0).steps(3.0) == 12
    assert BatchSchedule(lengths, 32, 0).steps(0.5) == 2
    assert BatchSchedule(np.full(5, 7), 32, 0).steps(0.01) == 1


def test_steps_under_a_budget() -> None:
    # 8 rows of 10 tokens: 3 fit into 35, so batches of 4 are split into 3 and 1, and an epoch has 4 steps.
    schedule = BatchSchedule(np.full(8, 10), 4, 0, max_tokens=35)
    assert schedule.steps(1) == 4
    assert schedule.steps(2.5) == 10
    assert sorted(len(schedule.rows(step)) for step in range(4)) == [1, 1, 3, 3]
    assert schedule.samples(8) == 16


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60),
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(1, 120)),
    st.integers(0, 5),
)
def test_each_epoch_has_every_row_once(lengths: list[int], size: int, budget: int | None, seed: int) -> None:
    schedule = BatchSchedule(np.array(lengths), size, seed, budget)
    for epoch in range(3):
        steps = range(schedule.steps(epoch) if epoch else 0, schedule.steps(epoch + 1))
        batches = [schedule.rows(step) for step in steps]
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert all(len(rows) <= size for rows in batches)
        if budget is not None:
            padded = [len(rows) * max(lengths[row] for row in rows) for rows in batches]
            assert all(tokens <= budget or len(rows) == 1 for tokens, rows in zip(padded, batches, strict=True))
    assert schedule.samples(schedule.steps(2)) == 2 * len(lengths)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=60), st.integers(0, 400))
def test_a_resumed_plan_goes_on_with_the_same_rows(lengths: list[int], step: int) -> None:
    walked = BatchSchedule(np.array(lengths), 4, 7, max_tokens=50)
    for earlier in range(step):
        walked.rows(earlier)
    assert walked.rows(step).tolist() == BatchSchedule(np.array(lengths), 4, 7, max_tokens=50).rows(step).tolist()

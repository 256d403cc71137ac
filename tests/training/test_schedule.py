"""Learning rate, number of steps, seeds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.training.schedule import derived_seed, learning_rate_factor


def test_by_hand() -> None:
    # 10 steps, 4 of warm-up: 1/4, 2/4, 3/4, 4/4, then 6/6 down to 1/6.
    expected = [0.25, 0.5, 0.75, 1.0, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    assert [learning_rate_factor(s, 10, 0.4) for s in range(10)] == pytest.approx(expected)


@given(st.integers(1, 500), st.floats(0, 1))
def test_always_moves_and_never_exceeds_the_peak(steps: int, warmup: float) -> None:
    shares = [learning_rate_factor(step, steps, warmup) for step in range(steps)]
    assert all(0 < share <= 1 for share in shares)


def test_seeds_differ_by_purpose_and_step() -> None:
    seeds = {derived_seed(42, "dropout", step) for step in range(100)} | {derived_seed(42, "negatives")}
    assert len(seeds) == 101
    assert all(0 <= seed < 2**63 for seed in seeds)
    # By hand: printf '42/dropout/0' | sha256sum begins with d8ab6ecc3551c83b, and half of that is this seed. A change
    # would change every run.
    assert derived_seed(42, "dropout", 0) == 0x6C55B7661AA8E41D

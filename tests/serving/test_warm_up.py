"""ackd_deploy/serving/warm_up.py"""

from __future__ import annotations

import pytest

from ackd_deploy.serving.warm_up import run_cost


def test_a_runs_own_cost_in_tokens():
    # 2 ms and 0.5 ms a token: 8 tokens take 6 ms, 64 take 34 ms; 2 / 0.5 = 4 tokens.
    assert run_cost(8, 0.006, 64, 0.034, 4096) == pytest.approx(4.0)


def test_it_is_never_below_one_token():
    # The longer run came out dearer a token than the shorter: no fixed cost is left.
    assert run_cost(8, 0.004, 64, 0.040, 4096) == 1.0


@pytest.mark.parametrize("long_seconds", [0.001, 0.0009])
def test_where_longer_runs_cost_no_more_a_run_is_worth_any_padding(long_seconds: float):
    assert run_cost(8, 0.001, 64, long_seconds, 4096) == 4096


def test_it_never_exceeds_the_most():
    # 1 ms, and 1 µs a token: 1,000 tokens.
    assert run_cost(8, 0.001008, 64, 0.001064, 500) == 500


def test_a_model_that_reads_no_more_than_the_short_text_cannot_be_measured():
    assert run_cost(8, 0.001, 8, 0.001, 4096) == 4096

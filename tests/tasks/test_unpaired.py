import numpy as np
import pytest

from ackd_deploy.tasks.intervals import wilson_interval
from ackd_deploy.tasks.metric_names import metric_name
from ackd_deploy.tasks.unpaired import Move, move


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20.
        ((48, 80), (56, 70), (0.0524, 0.3339)),
        ((3, 10), (9, 10), (0.1705, 0.8090)),
        ((0, 20), (10, 10), (0.6791, 1.0)),
    ],
)
def test_of_two_shares_it_is_newcombes(first, second, expected):
    found = move(first[0] / first[1], wilson_interval(*first), second[0] / second[1], wilson_interval(*second))
    assert found.interval == pytest.approx(expected, abs=6e-5)


def test_it_covers_the_true_difference_as_often_as_it_says():
    generator = np.random.default_rng(0)
    first, second = generator.binomial(300, 0.9, 2000), generator.binomial(500, 0.85, 2000)
    covered = [
        low <= -0.05 <= high
        for a, b in zip(first, second, strict=True)
        for low, high in [move(a / 300, wilson_interval(a, 300), b / 500, wilson_interval(b, 500)).interval]
    ]
    assert 0.93 < np.mean(covered) < 0.97


def test_which_way_is_worse_depends_on_the_metric():
    accuracy, error = metric_name("accuracy"), metric_name("mse")
    assert Move(-0.1, (-0.2, -0.05)).verdict(accuracy) == "worse"
    assert Move(-0.1, (-0.2, -0.05)).verdict(error) == "better"
    assert Move(0.1, (0.01, 0.2)).verdict(accuracy) == "better"
    assert Move(-0.1, (-0.2, 0.0)).verdict(accuracy) == "no difference shown"

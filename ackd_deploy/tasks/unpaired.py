"""One figure on two different sets of rows: how far apart, and whether the rows can tell."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Literal

from ackd_deploy.tasks.intervals import Interval
from ackd_deploy.tasks.metric_names import MetricName

__all__ = ["Move", "move"]


@dataclass(frozen=True)
class Move:
    """The second value minus the first, with its two-sided 95 % interval."""

    difference: float
    interval: Interval

    def verdict(self, metric: MetricName) -> Literal["better", "worse", "no difference shown"]:
        """Return what may be said of the second: the interval must leave out 0."""
        low, high = self.interval
        if low <= 0 <= high:
            return "no difference shown"
        return "better" if (low > 0) != metric.lower_is_better else "worse"


def move(first: float, first_interval: Interval, second: float, second_interval: Interval) -> Move:
    """Compare a figure on two independent sets of rows, given its value and 95 % interval on each.

    The interval of the difference d = second - first recovers the variances from the distances of the four ends:

        d - hypot(second - its low, first's high - first)  to  d + hypot(second's high - second, first - its low)

    With Wilson's intervals of two shares it is Newcombe's hybrid score interval (Statistics in Medicine 17, 1998,
    method 10); for other figures see Zou and Donner, Statistics in Medicine 27 (2008).
    """
    difference = second - first
    low = difference - hypot(second - second_interval[0], first_interval[1] - first)
    high = difference + hypot(second_interval[1] - second, first - first_interval[0])
    return Move(difference, (low, high))

"""Two models on the same validation rows: how far apart they are, and whether the rows can tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ackd_deploy.errors import DataError
from ackd_deploy.report.saved import Predictions
from ackd_deploy.tasks.metrics import metrics, primary, row_scores
from ackd_deploy.tasks.stats import bootstrap_interval, mcnemar_p_value

__all__ = ["Difference", "paired_difference"]

_DRAWS = 1000


@dataclass(frozen=True)
class Difference:
    """The primary metric of ``second`` minus that of ``first``, as a share, and what the pairing says of it.

    Attributes:
        rows: validation rows that both answered.
        difference: above 0 where ``second`` is better.
        interval: 95 % paired bootstrap over rows.
        only_first, only_second: rows that one alone has right; None unless the metric is accuracy.
        p_value: McNemar's exact test on those rows; None unless the metric is accuracy.
    """

    rows: int
    difference: float
    interval: tuple[float, float]
    only_first: int | None = None
    only_second: int | None = None
    p_value: float | None = None

    @property
    def verdict(self) -> str:
        """What may be said: better, worse, or no difference shown.

        With few discordant rows the bootstrap is too narrow (4 against 0 never resamples to a tie), so McNemar's exact
        test has to agree where there is one.
        """
        low, high = self.interval
        if self.p_value is not None and self.p_value >= 0.05:
            return "no difference shown"
        if low > 0:
            return "better"
        return "worse" if high < 0 else "no difference shown"


def paired_difference(problem_type: str, first: Predictions, second: Predictions, *, seed: int = 0) -> Difference:
    """Compare two models that answered the same rows in the same order.

    Args:
        problem_type: as in the recipe; decides the metric.
        first: the reference.
        second: what is compared with it.
        seed: of the bootstrap.

    Raises:
        DataError: the labels differ, so the rows are not the same.
    """
    if first.labels.shape != second.labels.shape or not np.array_equal(first.labels, second.labels):
        raise DataError(
            f"the validation rows differ ({len(first.labels)} and {len(second.labels)} rows, "
            "or the same number with other labels), so there is nothing to pair",
            hint="compare runs whose recipes name the same data.validation",
        )
    n, metric = len(first.labels), primary(problem_type)
    if metric == "accuracy":
        right = [row_scores(problem_type, side.logits, side.labels) > 0.5 for side in (first, second)]
        gains = right[1].astype(np.float64) - right[0]
        only_first, only_second = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
        return Difference(
            rows=n,
            difference=(only_second - only_first) / n,
            interval=bootstrap_interval(gains, seed=seed),
            only_first=only_first,
            only_second=only_second,
            p_value=mcnemar_p_value(only_first, only_second),
        )

    def gap(rows: np.ndarray | slice) -> float:
        was, now = (metrics(problem_type, side.logits[rows], side.labels[rows])[metric] for side in (first, second))
        return now - was

    generator = np.random.default_rng(seed)
    drawn = [gap(generator.integers(0, n, size=n)) for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(rows=n, difference=gap(slice(None)), interval=(float(low), float(high)))

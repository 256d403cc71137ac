"""Two models on the same rows: how far apart they are, and whether the rows can tell.

Their errors are tied, since both answered the same rows; an interval that forgets the pairing is several times too
wide. Every table and every gate that compares two models asks here, so that none says 'better' where another does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.intervals import Interval, Z, bootstrap_interval
from ackd_deploy.tasks.task import Task

__all__ = ["Difference", "error_growth", "mcnemar_p_value", "paired_difference", "pooled_difference"]

Array = NDArray[Any]
Floats = NDArray[np.float64]
Pairs = Sequence[tuple[Array, Array]]
_LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """The deciding metric of a second model minus that of a first, and what the pairing says of it.

    Attributes:
        rows: that both answered.
        difference: in the metric's own unit, a share as a share. The second is better above 0, or below 0 where
            ``lower_is_better``.
        interval: paired, 95 %.
        only_first, only_second: rows that one alone has right; None unless the metric is a share of right rows, in
            one training each.
        p_value: McNemar's exact test on those rows; None as above.
        lower_is_better: of the metric.
        span: of the metric on these rows: the change that counts as 100 points.
    """

    rows: int
    difference: float
    interval: Interval
    only_first: int | None = None
    only_second: int | None = None
    p_value: float | None = None
    lower_is_better: bool = False
    span: float = 1.0

    @property
    def verdict(self) -> str:
        """What may be said: better, worse, or no difference shown.

        The interval must leave out 0. With few discordant rows an approximate interval is too narrow (5 against 0 is
        no evidence at this level), so McNemar's exact test has to agree where there is one.
        """
        low, high = self.interval
        if (self.p_value is not None and self.p_value >= _LEVEL) or low <= 0 <= high:
            return "no difference shown"
        return "better" if (low > 0) != self.lower_is_better else "worse"

    @property
    def loss_in_points(self) -> tuple[float, Interval]:
        """By how many points the second is worse, with the interval: the one figure that bounds are in.

        A point is a hundredth of a share or a correlation, and of the error of the best constant answer.
        """
        factor = 100 / self.span if self.lower_is_better else -100 / self.span
        low, high = sorted(factor * end for end in self.interval)
        # Added to 0.0, for -0.0 would be shown with its sign.
        return 0.0 + factor * self.difference, (0.0 + low, 0.0 + high)

    @property
    def is_shown(self) -> bool:
        """Whether one of the two is better."""
        return self.verdict != "no difference shown"


def paired_difference(task: Task, first: Array, second: Array, labels: Array) -> Difference:
    """Compare two models, one training each.

    Where the metric is a share of right rows, the interval is Wald's for paired proportions with the +1 correction of
    Agresti and Min (Statistics in Medicine 24, 2005), which keeps its coverage with few discordant rows; else it is
    the bootstrap's.

    Args:
        task: decides the metric.
        first: [N, C] logits of the reference.
        second: [N, C] logits of what is compared with it.
        labels: of the N rows.
    """
    before, after = (task.statistics(logits, labels) for logits in (first, second))
    n = len(labels)
    if not task.metric.is_share:
        return _resampled(task, [np.concatenate([before, after], axis=1)[None]], labels)
    lost, won = int(np.sum(before > after)), int(np.sum(after > before))
    center = (won - lost) / (n + 2)
    half = Z * float(np.sqrt(won + lost + 1 - (won - lost) ** 2 / (n + 2))) / (n + 2)
    return Difference(n, (won - lost) / n, (center - half, center + half), lost, won, mcnemar_p_value(lost, won))


def pooled_difference(task: Task, experiments: Sequence[Pairs], labels: Array) -> Difference:
    """Compare two methods over several trainings, and over several experiments on the same rows.

    Args:
        task: decides the metric.
        experiments: each one or more pairs of logits [N, C], of the reference and of what is compared with it, both
            trained with the same seed.
        labels: of the N rows.
    """
    if len(experiments) == 1 and len(experiments[0]) == 1:
        return paired_difference(task, *experiments[0][0], labels)
    return _resampled(
        task,
        [
            np.stack([np.concatenate([task.statistics(side, labels) for side in pair], axis=1) for pair in pairs])
            for pairs in experiments
        ],
        labels,
    )


def _resampled(task: Task, experiments: Sequence[Floats], labels: Array) -> Difference:
    """Compare [S, N, 2K] statistics, those of the reference first, of N rows with these labels."""

    def gap(means: Floats) -> Floats:
        before, after = np.split(means, 2, axis=-1)
        return task.metric.of_means(after) - task.metric.of_means(before)

    observed = np.mean([gap(experiment.mean(axis=1)).mean() for experiment in experiments])
    return Difference(
        len(labels),
        float(observed),
        bootstrap_interval(experiments, gap),
        lower_is_better=task.metric.facts.lower_is_better,
        span=task.metric.span(task.truth(labels)),
    )


def error_growth(task: Task, first: Array, second: Array, labels: Array) -> tuple[float, Interval]:
    """Relative growth of the mean error from a first model to a second, with its paired bootstrap interval.

    0 where neither errs, infinite where only the second does.
    """
    errors = np.stack([task.row_errors(logits, labels) for logits in (first, second)], axis=1)
    return float(_growth(errors.mean(axis=0))), bootstrap_interval([errors[None]], _growth)


def _growth(means: Floats) -> Floats:
    before, after = means[..., 0], means[..., 1]
    ratio = np.divide(after - before, before, out=np.zeros_like(before), where=before > 0)
    return np.where((before > 0) | (after == 0), ratio, np.inf)


def mcnemar_p_value(only_first_right: int, only_second_right: int) -> float:
    """Exact two-sided p of McNemar's test: are the discordant rows split as a fair coin would split them?"""
    from scipy.stats import binomtest

    discordant = only_first_right + only_second_right
    return float(binomtest(only_first_right, discordant).pvalue) if discordant else 1.0

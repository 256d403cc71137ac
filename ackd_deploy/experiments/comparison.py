"""Methods against each other over seeds and validation rows: means, spreads, paired intervals. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.tasks.metrics import metrics, primary, row_scores

__all__ = ["Difference", "Series", "compare_series", "difference", "paired_gaps", "summary"]

Array = NDArray[Any]

_DRAWS = 2000
_SLOW_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Series:
    """One method's trainings, one for each seed, on the same N validation rows.

    Attributes:
        method: its name.
        seeds: [S].
        metrics: [S] metrics by name.
        logits: [S] arrays [N, C].
        labels: [N] or [N, C].
        seconds: [S] of training.
    """

    method: str
    seeds: list[int]
    metrics: list[dict[str, float]]
    logits: list[Array]
    labels: Array
    seconds: list[float]


@dataclass(frozen=True)
class Difference:
    """A method's primary metric minus the reference's, mean over seeds, with a 95 % paired interval."""

    reference: str
    mean: float
    low: float
    high: float

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def summary(series: Series, problem_type: str) -> tuple[float, float | None]:
    """Return mean and sample standard deviation over seeds of the primary metric; no deviation for one seed."""
    values = [entry[primary(problem_type)] for entry in series.metrics]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def paired_gaps(problem_type: str, series: Series, reference: Series) -> Array:
    """Return whether a method was right minus whether the reference was, for each seed and row: [S, N]."""
    pairs = zip(series.logits, reference.logits, strict=True)
    labels = series.labels
    return np.stack([row_scores(problem_type, a, labels) - row_scores(problem_type, b, labels) for a, b in pairs])


def difference(problem_type: str, series: Series, reference: Series, *, seed: int = 0) -> Difference:
    """Compare two methods that were trained with the same seeds.

    The interval is a percentile bootstrap that draws seeds *and* validation rows anew, both methods with the same
    draws: it answers for another training and for other rows at once. It is a little too wide, as crossed bootstraps
    are (Owen 2007, The pigeonhole bootstrap), and with a few seeds it still knows little about their spread.

    Args:
        problem_type: as in the recipe.
        series: the method.
        reference: what it is measured against, with the same seeds and rows.
        seed: of the bootstrap.

    Raises:
        ValueError: seeds or rows differ.
    """
    if series.seeds != reference.seeds or not np.array_equal(series.labels, reference.labels):
        raise ValueError(f"{series.method} and {reference.method} were not trained on the same seeds and rows")
    name, labels = primary(problem_type), series.labels
    observed = [a[name] - b[name] for a, b in zip(series.metrics, reference.metrics, strict=True)]
    rng = np.random.default_rng(seed)
    count, rows = len(series.seeds), len(labels)
    if problem_type == "single_label_classification":
        gaps = paired_gaps(problem_type, series, reference)
        by_seed = rng.multinomial(count, np.full(count, 1 / count), _DRAWS) / count
        draws = [weights @ gaps @ (rng.multinomial(rows, np.full(rows, 1 / rows)) / rows) for weights in by_seed]
    else:
        draws = []
        for _ in range(_SLOW_DRAWS):
            chosen, which = rng.integers(rows, size=rows), rng.integers(count, size=count)
            scores = [
                metrics(problem_type, side.logits[s][chosen], labels[chosen])[name]
                for s in which
                for side in (series, reference)
            ]
            draws.append(float(np.mean(scores[::2]) - np.mean(scores[1::2])))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Difference(reference.method, float(np.mean(observed)), float(low), float(high))


def compare_series(problem_type: str, everything: list[Series]) -> list[dict[str, Any]]:
    """Return one row a method, as plain data: mean, std, and differences to ``kd`` and ``finetune`` where they are."""
    found = {series.method: series for series in everything}
    rows = []
    for series in everything:
        mean, deviation = summary(series, problem_type)
        gaps = [
            difference(problem_type, series, found[name])
            for name in ("kd", "finetune")
            if name in found and name != series.method
        ]
        rows.append(
            {
                "method": series.method,
                "metric": primary(problem_type),
                "seeds": series.seeds,
                "values": [entry[primary(problem_type)] for entry in series.metrics],
                "mean": mean,
                "std": deviation,
                "seconds": float(np.mean(series.seconds)),
                "differences": {
                    gap.reference: {
                        "mean": gap.mean,
                        "low": gap.low,
                        "high": gap.high,
                        "beyond_noise": gap.is_beyond_noise,
                    }
                    for gap in gaps
                },
            }
        )
    return rows

"""Statistics of a comparison on the same rows: paired intervals, agreement, calibration. Pure numpy.

A variant and its student answer the same validation rows, so their errors are tied; an interval that
forgets the pairing is several times too wide. Every interval here is two-sided at 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "CALIBRATION_BINS",
    "Interval",
    "PairedErrors",
    "bootstrap_interval",
    "expected_calibration_error",
    "fit_temperature",
    "mcnemar_p_value",
    "paired_errors",
    "softmax",
    "wilson_interval",
]

FloatArray = npt.NDArray[np.floating]
Interval = tuple[float, float]

CALIBRATION_BINS = 15
_Z = 1.959963984540054
_DRAWS = 10_000


def softmax(logits: FloatArray) -> npt.NDArray[np.float64]:
    """Probabilities [N, C] of logits [N, C], shifted by the row's maximum against overflow."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def wilson_interval(successes: int, n: int) -> Interval:
    """Wilson's score interval of a proportion; sound near 0 and 1, where agreement lives.

    Source: E. B. Wilson, JASA 22 (1927).
    """
    if n <= 0:
        raise ValueError("a proportion needs at least one row")
    share = successes / n
    center = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return max(0.0, float(center - half)), min(1.0, float(center + half))


@dataclass(frozen=True)
class PairedErrors:
    """How the errors of two classifiers on the same ``n`` rows lie to each other.

    ``drop`` is accuracy of the first minus accuracy of the second in points; ``growth`` is the relative
    growth of the error rate (infinite where the first makes no error and the second does).
    """

    n: int
    only_first_right: int
    only_second_right: int
    drop: float
    drop_interval: Interval
    growth: float
    growth_interval: Interval
    p_value: float


def paired_errors(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], *, seed: int = 0) -> PairedErrors:
    """Compare ``first`` [N] with ``second`` [N], each true where that classifier is right.

    The drop's interval is Newcombe-free and simple: Wald's for paired proportions with the +1 correction
    of Agresti and Min (2005), which keeps its coverage with few discordant rows. The growth's is a
    bootstrap over rows, drawn as a multinomial of the four cells of the paired table.
    """
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(f"two vectors of one length are needed, got {first.shape} and {second.shape}")
    n = len(first)
    b, c = int(np.sum(first & ~second)), int(np.sum(~first & second))
    both_wrong = int(np.sum(~first & ~second))
    padded_b, padded_c, padded_n = b + 0.5, c + 0.5, n + 2.0
    center = (padded_b - padded_c) / padded_n
    half = _Z * np.sqrt(padded_b + padded_c - (padded_b - padded_c) ** 2 / padded_n) / padded_n
    cells = np.array([b, c, both_wrong, n - b - c - both_wrong], dtype=np.float64) / n
    draws = np.random.default_rng(seed).multinomial(n, cells, size=_DRAWS)
    growths = _growth(draws[:, 1] + draws[:, 2], draws[:, 0] + draws[:, 2])
    # The order statistics themselves: interpolating between infinities would give NaN.
    low, high = np.quantile(growths, [0.025, 0.975], method="nearest")
    return PairedErrors(
        n=n,
        only_first_right=b,
        only_second_right=c,
        drop=100.0 * (b - c) / n,
        drop_interval=(100.0 * float(center - half), 100.0 * float(center + half)),
        growth=float(_growth(np.array([c + both_wrong]), np.array([b + both_wrong]))[0]),
        growth_interval=(float(low), float(high)),
        p_value=mcnemar_p_value(b, c),
    )


def _growth(before: npt.NDArray[np.int_], after: npt.NDArray[np.int_]) -> FloatArray:
    """(after - before) / before for counts of errors; 0 where neither errs, inf where only ``after`` does."""
    ratio = (after - before) / np.maximum(before, 1)
    return np.where(before > 0, ratio, np.where(after > 0, np.inf, 0.0))


def mcnemar_p_value(only_first_right: int, only_second_right: int) -> float:
    """Exact two-sided p of McNemar's test: are the discordant rows split as a fair coin would split them?"""
    from scipy.stats import binomtest

    discordant = only_first_right + only_second_right
    return float(binomtest(only_first_right, discordant).pvalue) if discordant else 1.0


def bootstrap_interval(per_row: FloatArray, *, draws: int = _DRAWS, seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean of ``per_row`` [N], by blocks so that memory stays small."""
    values = np.asarray(per_row, dtype=np.float64)
    generator = np.random.default_rng(seed)
    block = max(1, 2_000_000 // len(values))
    means: list[npt.NDArray[np.float64]] = []
    for start in range(0, draws, block):
        picks = generator.integers(0, len(values), size=(min(block, draws - start), len(values)))
        means.append(values[picks].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def expected_calibration_error(
    probabilities: FloatArray, labels: npt.NDArray[np.integer], bins: int = CALIBRATION_BINS
) -> float:
    """ECE of probabilities [N, C] against labels [N]: mean gap of confidence and accuracy over equal bins.

        ECE = sum over bins of (rows in bin / N) * |accuracy of bin - mean confidence of bin|

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            total += inside.mean() * abs(float(correct[inside].mean()) - float(confidence[inside].mean()))
    return float(total)


def fit_temperature(logits: FloatArray, labels: npt.NDArray[np.integer]) -> float:
    """The T in [0.05, 20] that minimizes the cross-entropy of softmax(logits / T) on labels [N].

    One scalar cannot change a label, so accuracy stays; it must be fitted on rows that no gate is decided on.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        scaled = np.asarray(logits, dtype=np.float64) / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, labels]))

    found = minimize_scalar(cross_entropy, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))

"""Average the difference of two methods over several ablations on the same held-out rows, such as three depths.

    python bench/pooled.py runs/sst2-4layers runs/sst2-3layers runs/sst2-2layers --method ackd --reference kd

With --method-runs the method is read from other run folders, in the same order: another setting of it on the
same rows.

The interval is a percentile bootstrap that draws seeds anew within each ablation, and held-out rows once for all of
them, both methods with the same draws (as in `ackd_deploy.experiments.comparison`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ackd_deploy.experiments.ablation import read_series
from ackd_deploy.experiments.comparison import paired_gaps
from ackd_deploy.run import Run

_DRAWS = 4000


def gaps(run: Run, method: str, other: Run, reference: str, seeds: list[int], held_out: str) -> np.ndarray:
    ours = read_series(run, method, seeds, held_out=held_out)
    theirs = read_series(other, reference, seeds, held_out=held_out)
    return paired_gaps(run.recipe.data.problem_type, ours, theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--method-runs", type=Path, nargs="+")
    parser.add_argument("--method", default="ackd")
    parser.add_argument("--reference", default="kd")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    runs = [Run.load(folder) for folder in options.runs]
    ours = [Run.load(folder) for folder in options.method_runs or options.runs]
    rng = np.random.default_rng(0)
    for held_out in ("validation", "test"):
        every = []
        for run, other in zip(ours, runs, strict=True):
            seeds = list(range(run.recipe.seed, run.recipe.seed + options.seeds))
            every.append(gaps(run, options.method, other, options.reference, seeds, held_out))
        rows = every[0].shape[1]
        draws = []
        for _ in range(_DRAWS):
            weights = rng.multinomial(rows, np.full(rows, 1 / rows)) / rows
            chosen = [gap[rng.integers(len(gap), size=len(gap))].mean(0) for gap in every]
            draws.append(float(np.mean(chosen, axis=0) @ weights))
        low, high = np.quantile(draws, [0.025, 0.975])
        mean = float(np.mean([gap.mean() for gap in every]))
        print(
            f"{options.method} - {options.reference}, {held_out}, {rows} rows, {len(runs)} ablations: "
            f"{100 * mean:+.2f} ({100 * low:+.2f}, {100 * high:+.2f})"
        )


if __name__ == "__main__":
    main()

"""Average the difference of two methods over several ablations on the same held-out rows, such as three depths.

    python bench/pooled.py runs/sst2-4layers runs/sst2-3layers runs/sst2-2layers --method ackd --reference kd

With --method-runs the method is read from other run folders, in the same order: another setting of it on the
same rows.

The interval is a percentile bootstrap that draws seeds anew within each ablation, and held-out rows once for all of
them, both methods with the same draws (`ackd_deploy.tasks.paired.pooled_difference`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ackd_deploy.experiments.ablation import read_series
from ackd_deploy.experiments.comparison import seed_pairs
from ackd_deploy.run import Run
from ackd_deploy.tasks.paired import pooled_difference


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
    for held_out in ("validation", "test"):
        every = []
        for run, other in zip(ours, runs, strict=True):
            seeds = list(range(run.recipe.seed, run.recipe.seed + options.seeds))
            method = read_series(run, options.method, seeds, held_out=held_out)
            reference = read_series(other, options.reference, seeds, held_out=held_out)
            every.append(seed_pairs(method, reference))
        found = pooled_difference(runs[0].recipe.data.task, every, method.labels)
        low, high = found.interval
        print(
            f"{options.method} - {options.reference}, {held_out}, {found.rows} rows, {len(runs)} ablations: "
            f"{100 * found.difference:+.2f} ({100 * low:+.2f}, {100 * high:+.2f})"
        )


if __name__ == "__main__":
    main()

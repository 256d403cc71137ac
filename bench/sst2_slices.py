"""Cut SST-2's training set into train, tune and test slices that share no phrase.

    python bench/sst2_slices.py SST2/train.tsv OUT

Whole sentences are dealt out 84 : 6 : 10 by seed 42, and phrases follow the sentences that hold them
(`ackd_deploy.data.containment`). Methods are tuned on `tune.tsv`; `test.tsv` and GLUE's validation rows are looked at
once. Writes the three files into OUT and prints their sizes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ackd_deploy.data.containment import cut_by_containment
from ackd_deploy.files import write_text

SHARES = {"train": 0.84, "tune": 0.06, "test": 0.10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    header, *lines = options.train.read_text(encoding="utf-8").splitlines()
    texts = [line.rpartition("\t")[0] for line in lines]
    parts = cut_by_containment(texts, list(SHARES.values()), seed=options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, rows in zip(SHARES, parts, strict=True):
        write_text(options.out / f"{name}.tsv", "\n".join([header, *(lines[row] for row in rows)]) + "\n")
        print(f"{name}: {len(rows)} rows")
    print(f"dropped: {len(lines) - sum(map(len, parts))} of {len(lines)} rows, pieces of sentences in several slices")


if __name__ == "__main__":
    main()

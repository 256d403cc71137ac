"""Whole files: the rate of `predict` against the runtime's own, and a long file that is killed on the way.

    python bench/bulk.py rate ARTIFACT TEXTS [--rows 4096] [--rounds 5]
    python bench/bulk.py killed ARTIFACT TEXTS [--rows 1000000] [--kills 2] [--unbroken 50000]

TEXTS is a table with a text column (--column), such as SST-2's train.tsv; its rows are drawn with replacement, and
each gets an id. `rate` takes turns between `Classifier.run_sorted` on texts that are tokenized already,
`Classifier.classify` and `predict_file` from .csv to .csv: reading twice, tokenizing, writing and checksums included.
`killed` runs the command `ackd-deploy predict` in a process of its own, ends it by SIGKILL at equal distances,
resumes it, and checks ids and order of the result; a shorter file is predicted with kills and without, and the
checksums are compared. Figures go to stdout as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ackd_deploy.bulk import FileJob, Source, predict_file
from ackd_deploy.data.reading import Wanted, open_records
from ackd_deploy.files import sha256_file


def write_rows(path: Path, texts: list[str], rows: int) -> Path:
    generator = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text"])
        writer.writerows([number, generator.choice(texts)] for number in range(rows))
    return path


def rate(given: argparse.Namespace, texts: list[str], folder: Path) -> dict[str, Any]:
    source = write_rows(folder / "in.csv", texts, given.rows)
    model = Source(given.artifact, threads=given.threads)
    classifier = model.load()
    with open_records(source, Wanted(["text"])) as records:
        chosen = [values[0] for _, values in records.rows]
    tokens = classifier.tokenize(chosen)
    job = FileJob(model, source, folder / "out.csv")
    ways: dict[str, Callable[[], Any]] = {
        "run_sorted": lambda: classifier.run_sorted(tokens),
        "classify": lambda: classifier.classify(chosen),
        "predict_file": lambda: predict_file(job),
    }
    # Loading is no part of the rate: it is measured beside it, and taken off what predict_file took.
    seconds: dict[str, list[float]] = {name: [] for name in (*ways, "load")}
    for _ in range(given.rounds):
        for name, run in {**ways, "load": model.load}.items():
            started = time.perf_counter()
            with contextlib.redirect_stderr(io.StringIO()):
                run()
            seconds[name].append(time.perf_counter() - started)
    seconds["predict_file"] = [a - b for a, b in zip(seconds["predict_file"], seconds["load"], strict=True)]
    rates = {name: round(given.rows / statistics.median(taken)) for name, taken in seconds.items() if name != "load"}
    ratios = [a / b for a, b in zip(seconds["run_sorted"], seconds["predict_file"], strict=True)]
    return {"rows_per_second": rates, "predict_file_of_run_sorted": [round(r, 3) for r in sorted(ratios)]}


def killed(given: argparse.Namespace, texts: list[str], folder: Path) -> dict[str, Any]:
    small = write_rows(folder / "small.csv", texts, given.unbroken)
    broken = _run(given, small, folder / "small-killed.csv", given.unbroken, given.kills)
    unbroken = _run(given, small, folder / "small-unbroken.csv", given.unbroken, 0)
    source = write_rows(folder / "in.csv", texts, given.rows)
    found = _run(given, source, folder / "out.csv", given.rows, given.kills)
    with open_records(folder / "out.csv", Wanted(["id", "label"])) as records:
        in_order = all(values[0] == str(number) for number, (_, values) in enumerate(records.rows))
    return {
        **found,
        "input_mb": round(source.stat().st_size / 1e6, 1),
        "ids_in_order": in_order,
        "same_as_unbroken": {"rows": given.unbroken, "same": broken["sha256"] == unbroken["sha256"]},
    }


def _run(given: argparse.Namespace, source: Path, output: Path, rows: int, kills: int) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "ackd_deploy", "predict", str(given.artifact), str(source), "-o", str(output),
        "--workers", str(given.workers), *(["--threads", str(given.threads)] if given.threads else []),
    ]  # fmt: skip
    parts = -(-rows // 4096)
    seconds, peak, at = 0.0, 0, []
    for number in range(kills + 1):
        started = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until = parts * (number + 1) // (kills + 1) if number < kills else None
        folder = output.with_name(f"{output.name}.parts")
        while until is not None and len(list(folder.glob("part-*.json"))) < until and process.poll() is None:
            time.sleep(0.02)
        if until is not None and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            at.append(until * 4096)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds += time.perf_counter() - started
        peak = max(peak, usage.ru_maxrss)
    if process.returncode:
        raise SystemExit(f"predict ended with {process.returncode}")
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
        "killed_near_row": at,
        "peak_mb_of_the_first_process": round(peak / 1024),
        "sha256": sha256_file(output),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rate", "killed"])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--column", default="sentence")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--unbroken", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    given.rows = given.rows or (4096 if given.what == "rate" else 1_000_000)
    with open_records(given.texts, Wanted([given.column])) as records:
        texts = [values[0] for _, values in records.rows if values[0].strip()]
    with tempfile.TemporaryDirectory() as folder:
        found = (rate if given.what == "rate" else killed)(given, texts, Path(folder))
    print(json.dumps({"what": given.what, **found}, indent=2))


if __name__ == "__main__":
    main()

"""What serving costs: the service against the bare runtime and against what people write by hand.

    python bench/serve.py ARTIFACT --data train.tsv [--teacher FOLDER] [--against CHECKOUT] [--apart] [--seconds 4]
        [--json FILE]

Every server runs in a process of its own with the same threads, on the loopback, and is asked by another
process, one after the other in interleaved rounds; figures are medians over the rounds. Machines drift, so
only ratios inside one run of this file mean something. On a small machine the load generator takes a
good part of the processors: with --apart the servers and the bare runtime have one of them, and the generator another.

    offline   the bare runtime in one process: batches of 32, sorted by length, no server
    ackd      ackd-deploy serve
    minimal   a starlette app over the same session: one text a run, in a thread
    bento     a BentoML service with its own adaptive batching over the same session
    pipeline  what people write by hand: transformers' pipeline over the PyTorch model, in a starlette app as FastAPI
              has underneath (with --teacher)
    before    ackd-deploy serve of another checkout (with --against): what a change costs or brings
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CONNECTIONS = (1, 8, 32, 128)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read_texts(path: Path, count: int) -> list[str]:
    lines = [line.rsplit("\t", 1)[0].strip() for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return random.Random(0).sample([line for line in lines if line], count)


def cpu_seconds(root: int) -> float:
    """Return the processor time of a process and its descendants: on a busy machine it says more than the clock."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            pid = int(stat.parent.name)
            parents[pid], ticks[pid] = int(fields[1]), int(fields[11]) + int(fields[12])

    def below(pid: int) -> bool:
        while pid not in (root, 0, 1):
            pid = parents.get(pid, 0)
        return pid == root

    return sum(used for pid, used in ticks.items() if below(pid)) / os.sysconf("SC_CLK_TCK")


def offline(artifact: Path, texts: list[str], threads: int, seconds: float) -> tuple[float, float, float]:
    """Return texts a second in batches of 32, median milliseconds of one text alone, processor ms of a text."""
    from ackd_deploy.runtime import Classifier

    classifier = Classifier.load(artifact, threads=threads)
    classifier.classify(texts[:64])
    done, begin, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        done += len(classifier.classify(texts[:512]))
    rate = done / (time.perf_counter() - begin)
    processor = 1000 * (time.process_time() - used) / done
    alone = []
    for text in texts[:200]:
        start = time.perf_counter()
        classifier.classify([text])
        alone.append(1000 * (time.perf_counter() - start))
    return rate, statistics.median(alone), processor


@contextlib.contextmanager
def on_processors(chosen: set[int]) -> Iterator[None]:
    """Children that are started inside stay on these processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def server(command: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 90
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=5):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{' '.join(command)} did not start") from None
                time.sleep(0.1)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _load(port: int, bodies: list[bytes], connections: int, seconds: float) -> dict[str, float]:
    """A load generator that costs little: one keep-alive connection a coroutine, requests prepared beforehand."""
    latencies: list[float] = []
    failures = answered = 0
    stop = time.perf_counter() + seconds
    warm = time.perf_counter() + min(1.0, seconds / 4)

    async def connection(offset: int) -> None:
        nonlocal failures, answered
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        index = offset
        while (start := time.perf_counter()) < stop:
            body = bodies[index % len(bodies)]
            index += connections
            writer.write(body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            end = time.perf_counter()
            answered += 1
            if not head.startswith(b"HTTP/1.1 200"):
                failures += 1
            elif start >= warm:
                latencies.append(1000 * (end - start))
        writer.close()

    await asyncio.gather(*(connection(offset) for offset in range(connections)))
    latencies.sort()
    count = len(latencies)
    return {
        "rate": count / (stop - warm),
        "answered": answered,
        "p50": latencies[count // 2],
        "p99": latencies[min(count - 1, int(0.99 * count))],
        "failures": failures,
    }


def prepare(texts: list[str]) -> list[bytes]:
    requests = []
    for text in texts:
        body = json.dumps({"text": text}).encode()
        lines = ("POST /classify HTTP/1.1", "host: x", "content-type: application/json", f"content-length: {len(body)}")
        requests.append("\r\n".join((*lines, "", "")).encode() + body)
    return requests


def commands(
    artifact: Path, teacher: Path | None, threads: int, against: Path | None
) -> dict[str, tuple[list[str], dict[str, str]]]:
    python = sys.executable
    plain = {"BENCH_ARTIFACT": str(artifact.resolve()), "BENCH_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    ours = [python, "-m", "ackd_deploy", "serve", str(artifact.resolve())]
    ours += ["--threads", str(threads), "--port", "{port}"]
    # Without the current folder on the path, or the package that lies there would stand for every checkout.
    found = {
        "ackd": (ours, {"PYTHONPATH": str(HERE.parent), "PYTHONSAFEPATH": "1"}),
        "minimal": ([python, str(HERE / "serve_rivals.py"), "minimal", "{port}"], plain),
        "bento": (
            [
                python,
                "-m",
                "bentoml",
                "serve",
                "serve_rivals:BentoBatching",
                "--working-dir",
                str(HERE),
                "--port",
                "{port}",
            ],
            {**plain, "BENTOML_DO_NOT_TRACK": "True"},
        ),
    }
    if against is not None:
        found["before"] = (ours, {"PYTHONPATH": str(against.resolve()), "PYTHONSAFEPATH": "1"})
    if teacher is not None:
        found["pipeline"] = (
            [python, str(HERE / "serve_rivals.py"), "pipeline", "{port}"],
            {**plain, "BENCH_TEACHER": str(teacher.resolve())},
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="TSV with texts in its first column")
    parser.add_argument("--teacher", type=Path, help="PyTorch folder for the pipeline, best the student's own")
    parser.add_argument("--against", type=Path, help="folder of another checkout, whose service is measured beside")
    parser.add_argument("--threads", type=int, help="by default as many as there are processors")
    parser.add_argument("--apart", action="store_true", help="one processor for the servers, another for the load")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="comma-separated servers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    processors = sorted(os.sched_getaffinity(0))
    if options.apart and len(processors) < 2:
        parser.error("--apart wants two processors")
    theirs = {processors[0]} if options.apart else set(processors)
    ours = {processors[1]} if options.apart else set(processors)
    options.threads = options.threads or len(theirs)
    texts = read_texts(options.data, 2000)
    bodies = prepare(texts)
    servers = commands(options.artifact, options.teacher, options.threads, options.against)
    if options.only:
        servers = {name: servers[name] for name in options.only.split(",")}
    bare: list[tuple[float, ...]] = []
    measured: dict[str, dict[int, list[dict[str, float]]]] = {name: {c: [] for c in CONNECTIONS} for name in servers}
    for _ in range(options.rounds):
        with on_processors(theirs):
            bare.append(_offline_apart(options))
        for name, (command, environment) in servers.items():
            port = free_port()
            with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as started:
                filled = [part.replace("{port}", str(port)) for part in command]
                with on_processors(theirs):
                    root = started.enter_context(server(filled, port, environment | {"BENTOML_HOME": home}))
                with on_processors(ours):
                    for connections in CONNECTIONS:
                        used = cpu_seconds(root)
                        row = asyncio.run(_load(port, bodies, connections, options.seconds))
                        row["processor"] = 1000 * (cpu_seconds(root) - used) / row.pop("answered")
                        measured[name][connections].append(row)

    rate, alone, processor = (statistics.median(values) for values in zip(*bare, strict=True))
    result: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{_cpu()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
        "artifact": str(options.artifact),
        "threads": options.threads,
        "apart": options.apart,
        "offline": {"texts_per_second": rate, "alone_ms": alone, "processor_ms": processor},
        "servers": {},
    }
    print(f"{result['date']}  {result['machine']}")
    where = ", servers and load on a processor each" if options.apart else ""
    taken = f"median of {options.rounds} rounds of {options.seconds:g} s"
    print(f"{options.threads} threads{where}, {taken}, {options.artifact}")
    print(f"offline: {rate:.0f} texts/s in batches of 32, {processor:.2f} ms of processor each; alone {alone:.2f} ms\n")
    print("| server | connections | texts/s | of offline | p50 ms | p99 ms | processor ms a text | not 200 |")
    print("|---|---|---|---|---|---|---|---|")
    for name, by_connections in measured.items():
        for connections, rounds in by_connections.items():
            row = {key: statistics.median(entry[key] for entry in rounds) for key in rounds[0]}
            result["servers"].setdefault(name, {})[connections] = row
            cells = (
                name, str(connections), f"{row['rate']:.0f}", f"{row['rate'] / rate:.0%}", f"{row['p50']:.2f}",
                f"{row['p99']:.1f}", f"{row['processor']:.2f}", f"{row['failures']:.0f}",
            )  # fmt: skip
            print(f"| {' | '.join(cells)} |")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _offline_apart(options: argparse.Namespace) -> tuple[float, ...]:
    """Measure the runtime in a process that then ends, so that its threads do not stand beside the servers'."""
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); from pathlib import Path; import serve\n"
        f"print(*serve.offline(Path({str(options.artifact)!r}), serve.read_texts(Path({str(options.data)!r}), 2000), "
        f"{options.threads}, {options.seconds}))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return tuple(map(float, output))


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    main()

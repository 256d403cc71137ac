"""How long the soak tests try, against which artifact, and where their figures go.

`make test` runs them for seconds on a model of random weights. `make soak` sets what stands here, and ends with a
table of the figures and build/soak.json.
"""

from __future__ import annotations

import json
import os
import platform
import random
import re
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.artifact_builder import SENTENCES

# Seconds of mixed load, and how many texts a second it asks for at most: less than a busy machine can answer.
SECONDS = float(os.environ.get("ACKD_SOAK_SECONDS", "60"))
RATE = float(os.environ.get("ACKD_SOAK_RATE", "1000"))
HOSTILE_REQUESTS = int(os.environ.get("ACKD_SOAK_HOSTILE", "1500"))
ROWS = int(os.environ.get("ACKD_SOAK_ROWS", "256"))
KILLS = int(os.environ.get("ACKD_SOAK_KILLS", "1"))
ARTIFACT = os.environ.get("ACKD_SOAK_ARTIFACT")
JSON = os.environ.get("ACKD_SOAK_JSON")


def resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def model_name(artifact: Path) -> str:
    return str(json.loads((artifact / "ackd.json").read_text())["name"])


def flat(samples: list[float]) -> tuple[float, float]:
    """Medians of the first and of the last tenth: one sample would catch a request's own buffers."""
    tenth = max(1, len(samples) // 10)
    return statistics.median(samples[:tenth]), statistics.median(samples[-tenth:])


class Figures:
    """What the soak tests measured. Recorded before it is judged, so that a failure leaves its figures too."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = {
            "machine": machine(),
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "artifact": ARTIFACT or "random weights (tests/artifact_builder.py)",
            "load_average_before": os.getloadavg(),
            "results": {},
        }

    def record(self, name: str, **values: Any) -> None:
        self.content["results"][name] = values
        self.content["load_average_after"] = os.getloadavg()
        print(f"\n{name}: {_spoken(values)}")
        if JSON:
            Path(JSON).parent.mkdir(parents=True, exist_ok=True)
            Path(JSON).write_text(json.dumps(self.content, indent=2) + "\n", encoding="utf-8")

    def table(self) -> str:
        lines = [f"{self.content['date']}  {self.content['machine']}  {self.content['artifact']}"]
        # The load says what else the machine did: times mean nothing where it is above the number of cores.
        lines.append(f"load average {self.content['load_average_before'][0]:.1f} before")
        lines += ["", "| what | result |", "|---|---|"]
        lines += [f"| {name} | {_spoken(values)} |" for name, values in self.content["results"].items()]
        return "\n".join(lines)


def _spoken(values: dict[str, Any]) -> str:
    def plain(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1 else f"{value:,.1f}".removesuffix(".0")

    return ", ".join(
        f"{name.replace('_', ' ')} {plain(value) if isinstance(value, int | float) else value}"
        for name, value in values.items()
    )


def machine() -> str:
    models = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    model = models[0] if models else platform.machine()
    return f"{model}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}"


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    kept = Figures()
    yield kept
    print(f"\n\n{kept.table()}")


@pytest.fixture(scope="session")
def soak_artifact(request: pytest.FixtureRequest) -> Path:
    """The tiny artifact, or the one that ACKD_SOAK_ARTIFACT names."""
    if ARTIFACT:
        return Path(ARTIFACT)
    tiny: Path = request.getfixturevalue("tiny_artifact")
    return tiny


@pytest.fixture(scope="session")
def soak_texts(request: pytest.FixtureRequest) -> list[str]:
    """Rows of SST-2 where it is at hand, else sentences made of our own words."""
    try:
        folder: Path = request.getfixturevalue("sst2")
    except pytest.skip.Exception:
        words = " ".join(SENTENCES).split()
        rng = random.Random(5)
        return [" ".join(rng.choices(words, k=rng.randint(1, 40))) for _ in range(ROWS)]
    lines = (folder / "train.tsv").read_text(encoding="utf-8").split("\n")[1 : ROWS + 1]
    return [line.rsplit("\t", 1)[0] for line in lines]

"""Mixed load over time: the offline runtime's answers, no failure, flat memory. `make soak` makes it 30 minutes."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import httpx
import pytest
from artifact_builder import SENTENCES
from conftest_serving import serving
from test_hostile_requests import resident_mb

from ackd_deploy.runtime import Classifier, Prediction

SECONDS = float(os.environ.get("ACKD_SOAK_SECONDS", "30"))
ARTIFACT = os.environ.get("ACKD_SOAK_ARTIFACT")
ROWS = 2000


@pytest.fixture(scope="module")
def artifact(tiny_artifact: Path) -> Path:
    """The tiny artefact; `make soak` names the quickstart's."""
    return Path(ARTIFACT) if ARTIFACT else tiny_artifact


@pytest.fixture(scope="module")
def texts(request: pytest.FixtureRequest) -> list[str]:
    """2,000 rows of SST-2 where it is at hand, else sentences made of our own words."""
    try:
        folder: Path = request.getfixturevalue("sst2")
    except pytest.skip.Exception:
        words = " ".join(SENTENCES).split()
        rng = random.Random(5)
        return [" ".join(rng.choices(words, k=rng.randint(1, 40))) for _ in range(ROWS)]
    lines = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()[1 : ROWS + 1]
    return [line.rsplit("\t", 1)[0] for line in lines]


def agrees(result: dict[str, object], expected: Prediction) -> bool:
    ranked = sorted(expected.scores.values(), reverse=True)
    tie = ranked[0] - ranked[1] < 2e-3
    return abs(float(str(result["score"])) - expected.score) <= 1e-3 and (tie or result["label"] == expected.label)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 240)
def test_mixed_load(artifact: Path, texts: list[str], tmp_path: Path):
    expected = Classifier.load(artifact, threads=1).classify(texts)
    answered = 0

    async def client_loop(client: httpx.AsyncClient, seed: int, end: float) -> None:
        nonlocal answered
        rng = random.Random(seed)
        while time.monotonic() < end:
            # Alone, among a few, among 127 others.
            chosen = rng.sample(range(len(texts)), rng.choice((1, 1, 1, 1, 4, 16, 128)))
            asked = {"text": texts[chosen[0]]} if len(chosen) == 1 else {"texts": [texts[index] for index in chosen]}
            answer = await client.post("/classify", json=asked)
            if answer.status_code == 429:
                await asyncio.sleep(0.2)
                continue
            assert answer.status_code == 200, answer.text
            for index, result in zip(chosen, answer.json()["results"], strict=True):
                assert agrees(result, expected[index]), (texts[index], result, expected[index])
            answered += len(chosen)

    async def load(url: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            await asyncio.gather(*(client_loop(client, seed, end) for seed in range(16)))

    with serving(artifact, tmp_path) as service:
        (worker,) = service.workers()
        asyncio.run(load(service.url, max(8.0, SECONDS / 6)))
        before = resident_mb(worker)
        asyncio.run(load(service.url, SECONDS))
        after = resident_mb(worker)
        print(f"{answered} texts answered; resident {before:.1f} → {after:.1f} MB")
        assert answered > 10 * SECONDS
        assert service.workers() == [worker]
        # Flat within 5%, and a page or two for the smallest processes.
        assert after <= before * 1.05 + 2
        assert "Traceback" not in service.stderr()

"""Mixed load over time: the offline runtime's answers, no failure, flat memory. `make soak` makes it 30 minutes."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from ackd_deploy.runtime import Classifier, Prediction
from tests.serving.running_service import serving
from tests.serving.soaking import RATE, SECONDS, Figures, flat, resident_mb
from tests.serving.test_soak_rows import differs

# Seven clients of 128 texts at most fit into the queue of 1024 together: whatever the machine's speed, there is room
# for every request, so that any answer but 200 is a failure.
CLIENTS = 7
SIZES = (1,) * 12 + (4, 4, 16, 128)
WARM_SECONDS = min(60.0, max(5.0, SECONDS / 6))


class Load:
    """Clients that ask for texts alone and in lists, and what came back."""

    def __init__(self, url: str, texts: list[str], expected: list[Prediction]) -> None:
        self.url, self.texts, self.expected = url, texts, expected
        self.statuses: Counter[int | str] = Counter()
        self.answered = 0
        self.different = 0

    async def run(self, seconds: float, worker: int) -> list[float]:
        """Ask for ``seconds``; return the worker's resident memory, sampled all along."""
        end = time.monotonic() + seconds
        samples: list[float] = []
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=120) as client:
            clients = [asyncio.create_task(self._client(client, seed, end)) for seed in range(CLIENTS)]
            while time.monotonic() < end:
                samples.append(resident_mb(worker))
                self.statuses[(await client.get("/metrics")).status_code] += 1
                await asyncio.sleep(max(0.2, seconds / 600))
            await asyncio.gather(*clients)
        return samples

    async def _client(self, client: httpx.AsyncClient, seed: int, end: float) -> None:
        rng = random.Random(seed)
        while time.monotonic() < end:
            chosen = rng.sample(range(len(self.texts)), rng.choice(SIZES))
            texts = [self.texts[index] for index in chosen]
            begin = time.monotonic()
            try:
                answer = await client.post(
                    "/classify", json={"text": texts[0]} if len(texts) == 1 else {"texts": texts}
                )
            except httpx.TransportError as error:
                self.statuses[type(error).__name__] += 1
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                self.answered += len(chosen)
                for index, result in zip(chosen, answer.json()["results"], strict=True):
                    self.different += differs(result, self.expected[index]) is None
            # This client's share of the rate, less the time that the answer took.
            await asyncio.sleep(max(0.0, CLIENTS * len(chosen) / RATE - (time.monotonic() - begin)))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
def test_mixed_load(soak_artifact: Path, soak_texts: list[str], tmp_path: Path, figures: Figures):
    expected = Classifier.load(soak_artifact, threads=1).classify(soak_texts)
    # Other work on the machine may starve the service for longer than a text usually waits.
    with serving(soak_artifact, tmp_path, ACKD_QUEUE_SECONDS="60") as service:
        (worker,) = service.workers()
        asyncio.run(Load(service.url, soak_texts, expected).run(WARM_SECONDS, worker))
        load = Load(service.url, soak_texts, expected)
        samples = asyncio.run(load.run(SECONDS, worker))
        before, after = flat(samples)
        figures.record(
            "mixed load",
            seconds=SECONDS,
            clients=CLIENTS,
            requests=sum(load.statuses.values()),
            texts=load.answered,
            failed=sum(count for status, count in load.statuses.items() if status != 200),
            unlike_offline=load.different,
            resident_mb_first_tenth=before,
            resident_mb_last_tenth=after,
            resident_mb_most=max(samples),
        )
        assert set(load.statuses) == {200}
        assert load.different == 0
        assert load.answered > SECONDS
        assert service.workers() == [worker]
        assert after <= before * 1.05
        assert "Traceback" not in service.stderr()

"""Every row is answered as the offline runtime does: alone, among 127 others, and while the service is busy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ackd_deploy.runtime import Classifier, Prediction
from tests.serving.running_service import Service, serving
from tests.serving.soaking import Figures

TOLERANCE = 1e-4


def differs(result: dict[str, object], expected: Prediction) -> float | None:
    """Return by how much the score differs; None where it is too much, or the label another without a tie."""
    ranked = sorted(expected.scores.values(), reverse=True)
    tie = ranked[0] - ranked[1] < 2 * TOLERANCE
    difference = abs(float(str(result["score"])) - expected.score)
    same = tie or result["label"] == expected.label
    return difference if same and difference <= TOLERANCE else None


@pytest.fixture(scope="module")
def running(soak_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(soak_artifact, tmp_path_factory.mktemp("rows")) as service:
        yield service


async def alone(client: httpx.AsyncClient, texts: list[str]) -> list[dict[str, object]]:
    return [(await client.post("/classify", json={"text": text})).json()["results"][0] for text in texts]


async def among_others(client: httpx.AsyncClient, texts: list[str]) -> list[dict[str, object]]:
    order = random.Random(3).sample(range(len(texts)), len(texts))
    results: dict[int, dict[str, object]] = {}
    for start in range(0, len(order), 128):
        # The last list is filled up from the front, so that every row has 127 others.
        chosen = (order[start : start + 128] + order)[:128]
        answer = (await client.post("/classify", json={"texts": [texts[index] for index in chosen]})).json()["results"]
        results |= dict(zip(chosen, answer, strict=True))
    return [results[index] for index in range(len(texts))]


async def under_load(client: httpx.AsyncClient, texts: list[str]) -> list[dict[str, object]]:
    """Eight clients with one row each, beside two that keep lists of 32 coming."""
    done = asyncio.Event()
    rng = random.Random(4)

    async def noise() -> None:
        while not done.is_set():
            answer = await client.post("/classify", json={"texts": rng.choices(texts, k=32)})
            assert answer.status_code == 200

    noises = [asyncio.create_task(noise()) for _ in range(2)]
    parts = await asyncio.gather(*(alone(client, texts[start::8]) for start in range(8)))
    done.set()
    await asyncio.gather(*noises)
    results: list[dict[str, object]] = [{} for _ in texts]
    for start, part in enumerate(parts):
        results[start::8] = part
    return results


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("way", [alone, among_others, under_load], ids=lambda way: way.__name__)
def test_rows_are_answered_as_offline(
    running: Service, soak_artifact: Path, soak_texts: list[str], figures: Figures, way: object
):
    expected = Classifier.load(soak_artifact, threads=1).classify(soak_texts)

    async def ask() -> list[dict[str, object]]:
        async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=120) as client:
            results: list[dict[str, object]] = await way(client, soak_texts)  # type: ignore[operator]
            return results

    answers = asyncio.run(ask())
    differences = [differs(answer, known) for answer, known in zip(answers, expected, strict=True)]
    equal = [difference for difference in differences if difference is not None]
    figures.record(
        f"rows {way.__name__.replace('_', ' ')}",  # type: ignore[attr-defined]
        rows=len(differences),
        equal_to_offline=len(equal),
        greatest_difference=max(equal, default=float("nan")),
    )
    assert len(equal) == len(differences)

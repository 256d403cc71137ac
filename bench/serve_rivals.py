"""The servers that bench/serve.py compares with: what people write by hand, over the same model."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import bentoml

THREADS = int(os.environ.get("BENCH_THREADS", "1"))


def classifier() -> Any:
    from ackd_deploy.runtime import Classifier

    return Classifier.load(Path(os.environ["BENCH_ARTIFACT"]), threads=THREADS)


@bentoml.service(workers=1, traffic={"timeout": 60})
class BentoBatching:
    """BentoML as its documentation has it: a batchable API behind a route that takes one text."""

    def __init__(self) -> None:
        self.model = classifier()
        self.model.classify(["warm up"])

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000, route="/batch")
    def batch(self, texts: list[str]) -> list[str]:
        return [prediction.label for prediction in self.model.classify(texts)]

    @bentoml.api(route="/classify")
    async def classify(self, text: str) -> dict[str, str]:
        (label,) = await self.to_async.batch([text])  # type: ignore[attr-defined]
        return {"label": label}


def minimal() -> Any:
    """One text a run, in starlette's thread pool."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    model = classifier()

    async def classify(request: Request) -> JSONResponse:
        asked = await request.json()
        (prediction,) = await run_in_threadpool(model.classify, [asked["text"]])
        return JSONResponse({"label": prediction.label, "score": prediction.score})

    async def ready(request: Request) -> JSONResponse:
        return JSONResponse({})

    return Starlette(routes=[Route("/classify", classify, methods=["POST"]), Route("/readyz", ready)])


def pipeline() -> Any:
    """transformers' pipeline over PyTorch, a text a call, as most tutorials do it."""
    import torch
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route
    from transformers import pipeline as make_pipeline

    torch.set_num_threads(THREADS)
    model = make_pipeline("text-classification", model=os.environ["BENCH_TEACHER"], device="cpu")

    async def classify(request: Request) -> JSONResponse:
        asked = await request.json()
        return JSONResponse((await run_in_threadpool(model, [asked["text"]], truncation=True))[0])

    async def ready(request: Request) -> JSONResponse:
        return JSONResponse({})

    return Starlette(routes=[Route("/classify", classify, methods=["POST"]), Route("/readyz", ready)])


if __name__ == "__main__":
    import uvicorn

    uvicorn.run({"minimal": minimal, "pipeline": pipeline}[sys.argv[1]](), port=int(sys.argv[2]), log_level="warning")

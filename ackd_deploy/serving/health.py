"""``/livez``, ``/readyz`` and ``/metrics``: the truth about this worker."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ackd_deploy.serving.http import json_response
from ackd_deploy.serving.lifecycle import Lifecycle
from ackd_deploy.serving.metrics import CONTENT_TYPE

__all__ = ["Health"]


class Health:
    """The three endpoints."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle

    async def live(self, request: Request) -> Response:
        """200 unless the model is stuck: a service that only lacks a good artifact gains nothing by a restart."""
        self.lifecycle.check_alive()
        return json_response({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """200 from the passed self-test until the end; else 503 and why."""
        self.lifecycle.ready()
        return json_response({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """All workers' metrics. Read in a thread: with several workers it reads files."""
        content = await asyncio.to_thread(self.lifecycle.metrics.render)
        return Response(content, media_type=CONTENT_TYPE)

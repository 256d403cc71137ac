"""What the Open Inference Protocol leaves optional: the list of models, the configuration, the statistics.

The forms are those that clients read: KServe's own server for the list, Triton's extensions "model configuration" and
"statistics" for the rest (docs.nvidia.com/deeplearning/triton-inference-server, protocol).
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ackd_deploy.serving.http import json_response
from ackd_deploy.serving.kserve import PLATFORM, model_name, tensors
from ackd_deploy.serving.lifecycle import Lifecycle

__all__ = ["KServeOptional"]

_NANOSECONDS = 1e9


class KServeOptional:
    """The endpoints beside those that every server of the protocol has."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle

    async def models(self, request: Request) -> Response:
        """Names of the models, as KServe's own server lists them."""
        classifier, _ = self.lifecycle.ready()
        return json_response({"models": [classifier.manifest.name]})

    async def config(self, request: Request) -> Response:
        """Configuration of the model: tensors without their batch dimension, and the largest batch."""
        name = model_name(self.lifecycle, request)
        classifier, _ = self.lifecycle.ready()
        inputs, outputs = tensors(classifier.manifest)
        content = {
            "name": name,
            "platform": PLATFORM,
            "max_batch_size": self.lifecycle.settings.max_items,
            "input": [_configured(tensor) for tensor in inputs],
            "output": [_configured(tensor) for tensor in outputs],
        }
        return json_response(content)

    async def stats(self, request: Request) -> Response:
        """Counts and times of all workers since they were started; read in a thread, since it may read files."""
        name = model_name(self.lifecycle, request)
        totals = await asyncio.to_thread(self.lifecycle.metrics.totals)

        def timed(series: str) -> dict[str, int]:
            seconds = totals.get(f"{series}_sum", 0.0)
            return {"count": int(totals.get(f"{series}_count", 0)), "ns": round(_NANOSECONDS * seconds)}

        statistics: dict[str, Any] = {
            "name": name,
            "version": "1",
            "inference_count": int(totals.get("ackd_batch_rows_sum", 0)),
            "execution_count": int(totals.get("ackd_batch_rows_count", 0)),
            "inference_stats": {"queue": timed("ackd_queue_seconds"), "compute_infer": timed("ackd_batch_seconds")},
        }
        return json_response({"model_stats": [statistics]})


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    """Return a tensor's description as a configuration has it: other names of types, no batch dimension."""
    kind = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32"}[tensor["datatype"]]
    return {"name": tensor["name"], "data_type": kind, "dims": tensor["shape"][1:] or [1]}

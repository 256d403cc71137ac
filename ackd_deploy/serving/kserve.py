"""The Open Inference Protocol (KServe v2) beside ``/classify``, so that its clients work unchanged.

https://github.com/kserve/open-inference-protocol; the tensors' two forms are in kserve_wire.py.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ackd_deploy.artifact import Manifest
from ackd_deploy.serving.body import BodyReader
from ackd_deploy.serving.classify import Classify
from ackd_deploy.serving.http import json_response
from ackd_deploy.serving.kserve_wire import decode_request, encode_response
from ackd_deploy.serving.lifecycle import Lifecycle
from ackd_deploy.serving.problems import Problem
from ackd_deploy.tasks.text import Text
from ackd_deploy.version import __version__

__all__ = ["PLATFORM", "KServe", "model_name", "tensors"]

PLATFORM = "ackd_deploy_onnxruntime"

EXTENSIONS = ["binary_tensor_data", "model_configuration", "statistics"]
_JSON_LENGTH = "inference-header-content-length"
_DECISION = {"name": "decision", "datatype": "BYTES", "shape": [-1]}


class KServe:
    """The endpoints under ``/v2``. ``{name}`` is the artifact's name; its one version is ``1``."""

    def __init__(self, lifecycle: Lifecycle, reader: BodyReader, classify: Classify) -> None:
        self.lifecycle = lifecycle
        self.reader = reader
        self.classify = classify

    async def server(self, request: Request) -> Response:
        """Server metadata."""
        return json_response({"name": "ackd-deploy", "version": __version__, "extensions": EXTENSIONS})

    async def live(self, request: Request) -> Response:
        """Health of the server."""
        self.lifecycle.check_alive()
        return json_response({"live": True})

    async def ready(self, request: Request) -> Response:
        """Readiness of the server."""
        self.lifecycle.ready()
        return json_response({"ready": True})

    async def model_ready(self, request: Request) -> Response:
        """Readiness of the model."""
        return json_response({"name": model_name(self.lifecycle, request), "ready": True})

    async def model(self, request: Request) -> Response:
        """Model metadata: the tensors' names, types and shapes."""
        name = model_name(self.lifecycle, request)
        classifier, _ = self.lifecycle.ready()
        inputs, outputs = tensors(classifier.manifest)
        content = {
            "name": name,
            "versions": ["1"],
            "platform": PLATFORM,
            "inputs": inputs,
            "outputs": outputs,
            "parameters": {"labels": classifier.manifest.labels},
        }
        return json_response(content)

    async def infer(self, request: Request) -> Response:
        """Classify."""
        name = model_name(self.lifecycle, request)
        self.classify.admit()
        json_length = request.headers.get(_JSON_LENGTH)
        body = await self.reader.read(request, check_type=json_length is None)
        asked, texts = decode_request(body, json_length)
        classifier, _ = self.lifecycle.ready()
        predictions = await self.classify.predict(
            request, _items(texts, classifier.manifest.text_pairs), refuse_long=False
        )
        count, labels = len(predictions), classifier.manifest.labels
        flat: dict[str, tuple[dict[str, Any], list[Any]]] = {
            "label": ({"datatype": "BYTES", "shape": [count]}, [prediction.label for prediction in predictions]),
            "score": ({"datatype": "FP32", "shape": [count]}, [prediction.score for prediction in predictions]),
            "scores": (
                {"datatype": "FP32", "shape": [count, len(labels)]},
                [score for prediction in predictions for score in prediction.scores.values()],
            ),
        }
        if classifier.manifest.accepts_from is not None:
            decisions = [prediction.decision for prediction in predictions]
            flat["decision"] = {"datatype": "BYTES", "shape": [count]}, decisions
        wanted = [output.name for output in asked.outputs] if asked.outputs else list(flat)
        if absent := set(wanted) - set(flat):
            raise Problem(422, "bad_tensor", f"this model has no output {absent.pop()!r}")
        outputs = [({"name": output, **flat[output][0]}, flat[output][1], asked.binary(output)) for output in wanted]
        content = {"model_name": name, "model_version": "1", "id": asked.id or request.state.request_id}
        answer, head = encode_response(content, outputs)
        if head is None:
            return Response(answer, media_type="application/json")
        return Response(answer, headers={_JSON_LENGTH: str(head)}, media_type="application/octet-stream")


def tensors(manifest: Manifest) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the descriptions of the inputs and of the outputs; the first dimension is the texts of a request."""
    inputs = ["text", "pair"] if manifest.text_pairs else ["text"]
    outputs = [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "score", "datatype": "FP32", "shape": [-1]},
        {"name": "scores", "datatype": "FP32", "shape": [-1, len(manifest.labels)]},
        *([] if manifest.accepts_from is None else [_DECISION]),
    ]
    return [{"name": tensor, "datatype": "BYTES", "shape": [-1]} for tensor in inputs], outputs


def model_name(lifecycle: Lifecycle, request: Request) -> str:
    """Return the model that the path names; raises a 404 Problem where that is another, or another version."""
    classifier, _ = lifecycle.ready()
    name = str(request.path_params.get("name", classifier.manifest.name))
    if name != classifier.manifest.name or request.path_params.get("version", "1") != "1":
        raise Problem(404, "unknown_model", f"there is no such model; this service has {classifier.manifest.name!r}")
    return name


def _items(texts: dict[str, list[str]], text_pairs: bool) -> list[Text]:
    wanted = {"text", "pair"} if text_pairs else {"text"}
    if texts.keys() != wanted:
        raise Problem(
            422, "bad_tensor", f"the inputs of this model are named {' and '.join(sorted(wanted, reverse=True))}"
        )
    if not text_pairs:
        items: list[Text] = list(texts["text"])
    elif len(texts["text"]) == len(texts["pair"]):
        items = list(zip(texts["text"], texts["pair"], strict=True))
    else:
        raise Problem(422, "bad_shape", "text and pair must have the same number of texts")
    if not items:
        raise Problem(422, "bad_shape", "there is no text")
    return items

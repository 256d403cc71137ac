"""The OpenAPI paths of the Open Inference Protocol."""

from __future__ import annotations

from typing import Any

__all__ = ["v2_paths"]

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_MODEL = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "quickstart"}
_EXAMPLE = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["A warm, funny film."]}]}
_INFER = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string", "maxLength": 200},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["name", "shape", "datatype", "data"],
                "properties": {
                    "name": {"type": "string", "enum": ["text", "pair"]},
                    "shape": {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 0},
                        "minItems": 1,
                        "maxItems": 2,
                    },
                    "datatype": {"type": "string", "enum": ["BYTES"]},
                    "data": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}


def v2_paths(*, with_token: bool) -> dict[str, Any]:
    """Return the path items."""
    infer: dict[str, Any] = {
        "summary": "Classify, by the Open Inference Protocol",
        "operationId": "v2_infer",
        "parameters": [_MODEL],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _INFER, "example": _EXAMPLE}},
        },
        "responses": _answers(200, 400, 401, 404, 408, 413, 415, 422, 429, 503),
    }
    if with_token:
        infer["security"] = [{"token": []}]
    return {
        "/v2": {"get": _get("Server metadata", "v2_server", 200)},
        "/v2/health/live": {"get": _get("Is the server alive?", "v2_live", 200, 503)},
        "/v2/health/ready": {"get": _get("Is the server ready?", "v2_ready", 200, 503)},
        "/v2/models/{name}": {"get": _get("Model metadata", "v2_model", 200, 404, 503, model=True)},
        "/v2/models/{name}/ready": {"get": _get("Is the model ready?", "v2_model_ready", 200, 404, 503, model=True)},
        "/v2/models/{name}/infer": {"post": infer},
    }


def _get(summary: str, operation: str, *statuses: int, model: bool = False) -> dict[str, Any]:
    content: dict[str, Any] = {"summary": summary, "operationId": operation, "responses": _answers(*statuses)}
    if model:
        content["parameters"] = [_MODEL]
    return content


def _answers(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": "As asked." if status == 200 else "The error's message says what is wrong.",
            "content": {"application/json": {"schema": {"type": "object"} if status == 200 else _ERROR}},
        }
        for status in statuses
    }

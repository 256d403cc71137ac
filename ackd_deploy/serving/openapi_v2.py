"""The OpenAPI paths of the Open Inference Protocol."""

from __future__ import annotations

from typing import Any

__all__ = ["v2_paths"]

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_MODEL = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "quickstart"}
_VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}, "example": "1"}
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
    paths: dict[str, Any] = {
        "/v2": {"get": _get("Server metadata", "v2_server", 200)},
        "/v2/health/live": {"get": _get("Is the server alive?", "v2_live", 200, 503)},
        "/v2/health/ready": {"get": _get("Is the server ready?", "v2_ready", 200, 503)},
    }
    private: dict[str, Any] = {"security": [{"token": []}]} if with_token else {}
    paths["/v2/models"] = {"get": _get("Names of the models", "v2_models", 200, 401, 503) | private}
    paths["/v2/models/stats"] = {"get": _get("Statistics of all models", "v2_stats", 200, 401, 503) | private}
    for path, suffix, parameters in (
        ("/v2/models/{name}", "", [_MODEL]),
        ("/v2/models/{name}/versions/{version}", "_version", [_MODEL, _VERSION]),
    ):
        named = {"parameters": parameters}
        metadata = _get("Model metadata", f"v2_model{suffix}", 200, 401, 404, 503)
        ready = _get("Is the model ready?", f"v2_model_ready{suffix}", 200, 404, 503)
        paths[path] = {"get": metadata | named | private}
        for part, summary in (("config", "Model configuration"), ("stats", "Model statistics")):
            described = _get(summary, f"v2_model_{part}{suffix}", 200, 401, 404, 503)
            paths[f"{path}/{part}"] = {"get": described | named | private}
        paths[f"{path}/ready"] = {"get": ready | named}
        paths[f"{path}/infer"] = {
            "post": {
                "summary": "Classify, by the Open Inference Protocol",
                "operationId": f"v2_infer{suffix}",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _INFER, "example": _EXAMPLE}},
                },
                "responses": _answers(200, 400, 401, 404, 408, 413, 415, 422, 429, 503),
            }
            | named
            | private
        }
    return paths


def _get(summary: str, operation: str, *statuses: int) -> dict[str, Any]:
    return {"summary": summary, "operationId": operation, "responses": _answers(*statuses)}


def _answers(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": "As asked." if status == 200 else "The error's message says what is wrong.",
            "content": {"application/json": {"schema": {"type": "object"} if status == 200 else _ERROR}},
        }
        for status in statuses
    }

"""The OpenAPI document: schemas from the models that validate, paths and examples by hand."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from ackd_deploy.serving.schemas import ClassifyRequest, ClassifyResponse, ErrorResponse
from ackd_deploy.version import __version__

__all__ = ["document"]

_REASONS = {
    400: "The body is not JSON in UTF-8, or a path holds what no path can hold.",
    401: "A token is asked for and was missing or wrong.",
    408: "The body did not arrive in time.",
    413: "Too many bytes, texts or characters.",
    415: "The content type is not JSON.",
    422: "JSON of another shape, a blank text, or, with truncate=error, a text that is too long.",
    429: "The service has as much work as it takes. Retry-After says when to come back.",
    503: "Not ready, stopping, or too long in the queue. Retry-After says when to come back.",
}
_EXAMPLES = {
    "one text": {"text": "A warm, funny and clever film."},
    "several texts": {"texts": ["A warm, funny and clever film.", "Two hours that I want back."], "scores": True},
    "best labels, nothing cut": {"text": "A warm, funny and clever film.", "top_k": 2, "truncate": "error"},
    "pairs": {"pairs": [["A man plays a guitar.", "Somebody makes music."]]},
}
_ANSWER = {
    "model": "quickstart/fp32",
    "results": [
        {
            "label": "positive",
            "score": 0.98,
            "truncated": False,
            "num_tokens": 9,
            "scores": {"negative": 0.02, "positive": 0.98},
        }
    ],
    "request_id": "5f0c1d2e3a4b5c6d",
    "milliseconds": 1.9,
}


def document(*, with_token: bool, extra_paths: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the document (OpenAPI 3.1).

    Args:
        with_token: predictions ask for a bearer token.
        extra_paths: paths of the other protocols beside ours.
    """
    models = [(model, "validation") for model in (ClassifyRequest, ClassifyResponse, ErrorResponse)]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    classify = {
        "summary": "Classify one text, several texts, or pairs of texts",
        "operationId": "classify",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "$ref": "#/components/schemas/ClassifyRequest",
                        "oneOf": [{"required": [name]} for name in ("text", "texts", "pairs")],
                    },
                    "examples": {name: {"value": value} for name, value in _EXAMPLES.items()},
                }
            },
        },
        "responses": {
            "200": json_answer("The predictions, in the order of the texts.", "ClassifyResponse", _ANSWER),
            **problems(400, 401, 408, 413, 415, 422, 429, 503),
        },
    }
    info = {
        "summary": "Labels, limits, quality on held-out rows, the gates' figures and provenance",
        "operationId": "info",
        "responses": {"200": json_answer("What is being served."), **problems(401, 503)},
    }
    paths: dict[str, Any] = {
        "/classify": {"post": classify},
        "/info": {"get": info},
        "/livez": {"get": _plain("Is the process alive?", "livez", 503)},
        "/readyz": {"get": _plain("Is the model loaded and did it pass its self-test?", "readyz", 503)},
        "/metrics": {"get": _plain("Prometheus metrics", "metrics", media_type="text/plain")},
        "/": {"get": _plain("A page to try the model with", "page", media_type="text/html")},
        **(extra_paths or {}),
    }
    components: dict[str, Any] = {"schemas": schemas["$defs"]}
    if with_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        security: list[dict[str, list[str]]] = [{"token": []}]
        for path, method in (("/classify", "post"), ("/info", "get")):
            paths[path][method]["security"] = security
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ackd-deploy",
            "version": __version__,
            "description": "A distilled text classifier. Errors are `{error: {code, message}, request_id}`.",
        },
        "paths": paths,
        "components": components,
    }


def json_answer(description: str, model: str | None = None, example: Any = None) -> dict[str, Any]:
    """Return a response object that holds JSON, of a named schema if given."""
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model}"} if model else {"type": "object"}}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


def problems(*statuses: int) -> dict[str, Any]:
    """Return the response objects of error statuses."""
    answers = {str(status): json_answer(_REASONS[status], "ErrorResponse") for status in statuses}
    for status in {"429", "503"} & answers.keys():
        answers[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return answers


def _plain(summary: str, operation: str, *statuses: int, media_type: str = "application/json") -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "object" if media_type == "application/json" else "string"}}}
    answers = {"200": {"description": summary, "content": content}, **problems(*statuses)}
    return {"summary": summary, "operationId": operation, "responses": answers}

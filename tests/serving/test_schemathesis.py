"""Requests generated from the OpenAPI document: no 5xx, and no answer that the document does not describe."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.serving.running_service import Service

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")
from schemathesis.checks import CHECKS  # noqa: E402

CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


OPERATIONS = (
    "POST /classify", "GET /info", "GET /livez", "GET /readyz", "GET /metrics", "GET /", "GET /v2",
    "GET /v2/health/live", "GET /v2/health/ready", "GET /v2/models/{name}", "GET /v2/models/{name}/ready",
    "POST /v2/models/{name}/infer", "GET /v2/models/{name}/versions/{version}",
    "GET /v2/models/{name}/versions/{version}/ready", "POST /v2/models/{name}/versions/{version}/infer",
    "GET /v2/models", "GET /v2/models/stats",
    "GET /v2/models/{name}/config", "GET /v2/models/{name}/stats", "GET /v2/models/{name}/versions/{version}/config",
    "GET /v2/models/{name}/versions/{version}/stats",
)  # fmt: skip


@pytest.fixture(scope="module")
def described(service: Service) -> dict[str, Any]:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    return {f"{operation.method.upper()} {operation.path}": operation for operation in operations}


def test_all_operations_are_tried(described: dict[str, Any]):
    assert sorted(described) == sorted(OPERATIONS)


@pytest.mark.parametrize(
    ("name", "mode"),
    # What goes into the others is a path at most, which cannot break its schema.
    [(name, "positive") for name in OPERATIONS]
    + [(name, "negative") for name in OPERATIONS if name.startswith("POST")],
)
def test_every_operation_keeps_to_the_document(described: dict[str, Any], name: str, mode: str):
    operation = described[name]
    generation = schemathesis.GenerationMode(mode)

    @given(case=operation.as_strategy(generation_mode=generation))
    @settings(
        max_examples=60 if name.startswith("POST") else 5,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def keeps_to_it(case: Any) -> None:
        # Only one model exists; half of the cases go to it, the rest to names that do not.
        if "name" in case.path_parameters and len(str(case.path_parameters["name"])) % 2 and mode == "positive":
            case.path_parameters["name"] = "tiny"
        case.call_and_validate(checks=CHECKS.get_by_names(list(CHECKED)), timeout=30)

    keeps_to_it()

"""Bodies with room for a million mistakes: validation stops at the first."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from ackd_deploy.serving.kserve_wire import InferRequest
from ackd_deploy.serving.problems import Problem
from ackd_deploy.serving.schemas import ClassifyRequest, parse

COUNT = 50_000
NAMES = [str(index) for index in range(COUNT)]
TENSOR = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}


def infer(**changes: object) -> dict[str, object]:
    return {"inputs": [TENSOR | changes]}


MISTAKES = {
    "texts": (ClassifyRequest, {"texts": [1] * COUNT}),
    "pairs": (ClassifyRequest, {"pairs": [1] * COUNT}),
    "pairs of numbers": (ClassifyRequest, {"pairs": [[1, 1]] * COUNT}),
    "one long pair": (ClassifyRequest, {"pairs": [[1] * COUNT]}),
    "unknown fields": (ClassifyRequest, {"text": "a"} | dict.fromkeys(NAMES, 1)),
    "data": (InferRequest, infer(data=[1] * COUNT)),
    "lists in data": (InferRequest, infer(data=[[1]] * COUNT)),
    "one list in data": (InferRequest, infer(data=[[1] * COUNT])),
    "data of two kinds": (InferRequest, infer(data=[["a"], *["a"] * COUNT])),
    "shape": (InferRequest, infer(shape=[-1] * COUNT)),
    "parameters of an input": (InferRequest, infer(parameters={key: [] for key in NAMES})),
    "inputs": (InferRequest, {"inputs": [{}] * COUNT}),
    "outputs": (InferRequest, infer() | {"outputs": [{}] * COUNT}),
    "parameters": (InferRequest, infer() | {"parameters": {key: [] for key in NAMES}}),
    "parameters of an output": (
        InferRequest,
        infer() | {"outputs": [{"name": "label", "parameters": {key: {} for key in NAMES}}]},
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_few_errors_are_built_whatever_there_is(name: str):
    model, content = MISTAKES[name]
    body = json.dumps(content).encode()
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(body)
    assert refused.value.error_count() <= 4
    with pytest.raises(Problem) as answered:
        parse(model, body)
    assert answered.value.status == 422
    assert len(json.dumps(answered.value.body("id"))) < 2000


def test_an_unknown_field_is_named_and_the_document_forbids_it():
    with pytest.raises(Problem, match="there is no field named 'txet'"):
        parse(ClassifyRequest, b'{"text": "a", "txet": "b"}')
    assert ClassifyRequest.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("value", ["a", 1, 1.5, True, None])
def test_parameters_may_be_any_scalar(value: object):
    model: type[BaseModel] = InferRequest
    parsed = parse(model, json.dumps(infer(parameters={"x": value}) | {"parameters": {"y": value}}).encode())
    assert parsed.model_dump()["parameters"] == {"y": value}

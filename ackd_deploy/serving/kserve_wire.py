"""Tensors of the Open Inference Protocol (KServe v2) as they travel: JSON, or bytes behind the JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ackd_deploy.serving.body import header_length
from ackd_deploy.serving.problems import Problem
from ackd_deploy.serving.schemas import parse

__all__ = ["InferRequest", "InputTensor", "decode_request", "encode_response"]


def _scalars(parameters: dict[str, Any]) -> dict[str, Any]:
    # One error at most, whatever there is.
    if not all(value is None or isinstance(value, str | int | float) for value in parameters.values()):
        raise ValueError("a parameter is a string, a number, a boolean or null")
    return parameters


Parameters = Annotated[dict[str, Any], AfterValidator(_scalars)]


_Texts = Annotated[list[str], Field(fail_fast=True)]


class InputTensor(BaseModel):
    """One input: texts, as BYTES."""

    model_config = ConfigDict(extra="ignore", strict=True)

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2, fail_fast=True)]
    datatype: Literal["BYTES"]
    parameters: Parameters = Field(default_factory=dict)
    data: _Texts | Annotated[list[_Texts], Field(fail_fast=True)] | None = None


class _OutputWanted(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    name: Literal["label", "score", "scores", "decision"]
    parameters: Parameters = Field(default_factory=dict)


class InferRequest(BaseModel):
    """The JSON part of an inference request."""

    model_config = ConfigDict(extra="ignore", strict=True, title="InferRequest")

    id: Annotated[str, Field(max_length=200)] | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=2, fail_fast=True)]
    outputs: Annotated[list[_OutputWanted], Field(max_length=4, fail_fast=True)] | None = None
    parameters: Parameters = Field(default_factory=dict)

    def binary(self, output: str) -> bool:
        """Return whether the client wants this output as bytes behind the JSON."""
        for wanted in self.outputs or ():
            if wanted.name == output and "binary_data" in wanted.parameters:
                return wanted.parameters["binary_data"] is True
        return self.parameters.get("binary_data_output") is True


def decode_request(body: bytes, json_length: str | None) -> tuple[InferRequest, dict[str, list[str]]]:
    """Parse a request and the texts of each of its inputs.

    Args:
        body: JSON, with the binary inputs behind it.
        json_length: the header Inference-Header-Content-Length, where the client sent one.

    Raises:
        Problem: 400 or 422; the message says what does not fit.
    """
    length = len(body)
    if json_length is not None:
        declared = header_length(json_length)
        if declared is None or declared > len(body):
            raise Problem(400, "bad_header", "inference-header-content-length is no length within the body")
        length = declared
    request = parse(InferRequest, body[:length])
    rest = memoryview(body)[length:]
    texts: dict[str, list[str]] = {}
    for tensor in request.inputs:
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            values = _from_json(tensor)
        elif isinstance(size, int) and 0 <= size <= len(rest):
            values = _from_bytes(bytes(rest[:size]))
            rest = rest[size:]
        else:
            raise Problem(400, "bad_tensor", "binary_data_size of an input is no length within the body")
        count = 1
        for extent in tensor.shape:
            count *= extent
        if count != len(values) or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
            raise Problem(422, "bad_shape", f"an input's shape must be [n] or [n, 1] for its {len(values)} texts")
        if tensor.name in texts:
            raise Problem(422, "bad_tensor", "two inputs have the same name")
        texts[tensor.name] = values
    if rest:
        raise Problem(400, "bad_tensor", f"{len(rest)} bytes follow the last input")
    return request, texts


def encode_response(
    content: dict[str, Any], outputs: Sequence[tuple[dict[str, Any], Sequence[Any], bool]]
) -> tuple[bytes, int | None]:
    """Return the body, and the length of its JSON part where bytes follow it.

    Args:
        content: the response without its outputs.
        outputs: for each output its description, its flat values, and whether it travels as bytes.
    """
    tensors, behind = [], []
    for description, values, binary in outputs:
        if not binary:
            tensors.append({**description, "data": list(values)})
            continue
        block = _to_bytes(description["datatype"], values)
        tensors.append({**description, "parameters": {"binary_data_size": len(block)}})
        behind.append(block)
    head = json.dumps({**content, "outputs": tensors}, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join([head, *behind]), len(head) if behind else None


def _from_json(tensor: InputTensor) -> list[str]:
    if tensor.data is None:
        raise Problem(422, "bad_tensor", "an input has neither data nor binary_data_size")
    values: list[str] = []
    for entry in tensor.data:
        values += [entry] if isinstance(entry, str) else entry
    return values


def _from_bytes(block: bytes) -> list[str]:
    """Each text is its length, four bytes with the lowest first, and then its UTF-8."""
    values, position = [], 0
    while position < len(block):
        if position + 4 > len(block):
            raise Problem(400, "bad_tensor", "an input ends in the middle of a length")
        (size,) = struct.unpack_from("<I", block, position)
        position += 4
        if position + size > len(block):
            raise Problem(400, "bad_tensor", "an input ends in the middle of a text")
        try:
            values.append(block[position : position + size].decode())
        except UnicodeDecodeError:
            raise Problem(400, "bad_tensor", f"text {len(values)} is not UTF-8") from None
        position += size
    return values


def _to_bytes(datatype: str, values: Sequence[Any]) -> bytes:
    if datatype == "FP32":
        return struct.pack(f"<{len(values)}f", *values)
    encoded = [str(value).encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)

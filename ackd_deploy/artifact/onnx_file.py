"""Look at an ONNX file before ONNX Runtime does: what it refers to, what it computes with, how large it is.

ONNX Runtime opens the files that a graph names as external data and runs constant parts of the graph
while it loads. So a foreign graph is read here first, byte by byte, and refused when it names another
file, an operator from an unknown domain, or an operator that can run other code or never end.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ackd_deploy.artifact.wire import BYTES, VARINT, Budget, WireError, fields, varints
from ackd_deploy.errors import ArtifactError

__all__ = ["MAX_BYTES", "OnnxFacts", "inspect_onnx"]

MAX_BYTES = 2**31 - 1  # protobuf's own limit for one message
_MAX_DEPTH = 32  # a graph inside a node inside a graph …

# Domains whose operators a classifier is made of. A domain in the import list alone does nothing:
# ONNX Runtime's own optimizer lists a dozen. What counts is the domain of each node.
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})

_REFUSED_OPERATORS = {
    "PythonOp": "it calls Python code",
    "PythonOpGrad": "it calls Python code",
    "ATen": "it calls PyTorch",
    "EPContext": "it loads another file as compiled code",
    "Loop": "a text classifier needs no loop, and one may never end",
    "Scan": "a text classifier needs no loop, and one may never end",
}


@dataclass
class OnnxFacts:
    """What the inspection found in one file."""

    source: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    operators: dict[tuple[str, str], int] = field(default_factory=dict)
    functions: set[tuple[str, str]] = field(default_factory=set)
    external: list[str] = field(default_factory=list)
    opset: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    embedding_rows: int | None = None

    def check(self) -> OnnxFacts:
        """Return the facts when the file may be loaded.

        Raises:
            ArtifactError: it refers to another file, or holds an operator that is refused.
        """
        if self.external:
            shown = ", ".join(sorted(set(self.external))[:3])
            raise ArtifactError(
                f"{self.source} keeps weights outside itself ({shown!r}), and following such a path is refused",
                hint="export the model as one file, without external data",
            )
        for domain, operator in self.operators:
            if domain not in _DOMAINS:
                # A function that the model defines in a domain of its own; its nodes are looked at as well.
                if (domain, operator) in self.functions:
                    continue
                raise ArtifactError(f"{self.source} has an operator of an unknown domain: {domain!r}, {operator!r}")
            if operator in _REFUSED_OPERATORS:
                raise ArtifactError(f"{self.source} has operator {operator!r}: {_REFUSED_OPERATORS[operator]}")
        if not self.operators:
            raise ArtifactError(f"{self.source} holds no graph")
        return self


def inspect_onnx(model: Path | bytes) -> OnnxFacts:
    """Read an ONNX file's structure; its weights are skipped, so that this takes milliseconds.

    Raises:
        ArtifactError: no such regular file, too large, or not an ONNX protobuf.
    """
    if isinstance(model, bytes):
        return _inspect(memoryview(model), "the ONNX graph")
    if not model.is_file():
        raise ArtifactError(f"{model} is missing or not a file")
    size = model.stat().st_size
    if size > MAX_BYTES:
        raise ArtifactError(f"{model} has {size:,} bytes; an ONNX file in one piece has fewer than 2**31")
    if size == 0:
        raise ArtifactError(f"{model} is empty")
    with model.open("rb") as stream:
        # Not closed by hand: that fails while views into it live, and it goes with the last of them.
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return _inspect(memoryview(mapped), str(model))


def _inspect(data: memoryview, source: str) -> OnnxFacts:
    facts = OnnxFacts(source)
    walk = _Walk(facts, Budget())
    try:
        walk.model(data)
    except (WireError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{source} is not an ONNX file: {error}") from None
    facts.embedding_rows = walk.embedding_rows()
    return facts


@dataclass
class _Node:
    operator: str
    inputs: list[str]
    outputs: list[str]


class _Walk:
    """One pass over a model. Field numbers are those of onnx.proto, IR version 3 to 12."""

    def __init__(self, facts: OnnxFacts, budget: Budget) -> None:
        self.facts = facts
        self.budget = budget
        self.nodes: list[_Node] = []
        self.shapes: dict[str, list[int]] = {}

    def model(self, data: memoryview) -> None:
        for number, value in self._messages(data):
            if number == 7:
                self.graph(value, depth=0)
            elif number == 8:
                self._opset(value)
            elif number == 14:
                key, text = self._pair(value)
                self.facts.metadata[key] = text
            elif number == 20:  # TrainingInfoProto: initialization and algorithm are graphs
                for inner, graph in self._messages(value):
                    if inner in (1, 2):
                        self.graph(graph, depth=1)
            elif number == 25:
                self._function(value)

    def graph(self, data: memoryview, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise WireError("its graphs are nested too deeply")
        for number, value in self._messages(data):
            if number == 1:
                self._node(value, depth)
            elif number == 5:
                self._tensor(value)
            elif number == 15:  # SparseTensorProto: values and indices are tensors
                self._sparse(value)
            elif number in (11, 12) and depth == 0:
                names = self.facts.inputs if number == 11 else self.facts.outputs
                names.extend(_text(inner) for field_, inner in self._messages(value) if field_ == 1)

    def _node(self, data: memoryview, depth: int) -> None:
        operator, domain = "", ""
        inputs: list[str] = []
        outputs: list[str] = []
        for number, value in self._messages(data):
            if number == 1:
                inputs.append(_text(value))
            elif number == 2:
                outputs.append(_text(value))
            elif number == 4:
                operator = _text(value)
            elif number == 5:
                self._attribute(value, depth)
            elif number == 7:
                domain = _text(value)
        key = (domain, operator)
        self.facts.operators[key] = self.facts.operators.get(key, 0) + 1
        if depth == 0:
            self.nodes.append(_Node(operator, inputs, outputs))

    def _attribute(self, data: memoryview, depth: int) -> None:
        for number, value in self._messages(data):
            if number in (5, 10):
                self._tensor(value)
            elif number in (6, 11):
                self.graph(value, depth + 1)
            elif number in (22, 23):
                self._sparse(value)

    def _sparse(self, data: memoryview) -> None:
        for number, value in self._messages(data):
            if number in (1, 2):
                self._tensor(value)

    def _tensor(self, data: memoryview) -> None:
        name, shape, places = "", list[int](), list[str]()
        for number, kind, value in fields(data, self.budget):
            if number == 1:
                shape.extend([value] if isinstance(value, int) else varints(value, self.budget))
            elif number == 8 and isinstance(value, memoryview):
                name = _text(value)
            elif number == 13 and isinstance(value, memoryview):
                key, text = self._pair(value)
                places.append(text if key == "location" else "")
            elif number == 14 and kind == VARINT and value != 0:
                places.append("")
        if places:
            self.facts.external.append(max(places) or "(no name)")
        self.shapes[name] = shape

    def _function(self, data: memoryview) -> None:
        name, domain = "", ""
        for number, value in self._messages(data):
            if number == 1:
                name = _text(value)
            elif number == 7:
                self._node(value, depth=1)
            elif number == 10:
                domain = _text(value)
        self.facts.functions.add((domain, name))

    def _opset(self, data: memoryview) -> None:
        domain, version = "", 0
        for number, _, value in fields(data, self.budget):
            if number == 1 and isinstance(value, memoryview):
                domain = _text(value)
            elif number == 2 and isinstance(value, int):
                version = value
        if domain in ("", "ai.onnx"):
            self.facts.opset = version

    def _pair(self, data: memoryview) -> tuple[str, str]:
        texts = {number: _text(value) for number, value in self._messages(data)}
        return texts.get(1, ""), texts.get(2, "")

    def _messages(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        for number, kind, value in fields(data, self.budget):
            if kind == BYTES and isinstance(value, memoryview):
                yield number, value

    def embedding_rows(self) -> int | None:
        """Return the rows of the table that ``input_ids`` look up, or None when the graph hides it.

        Casts of the ids and dequantization of the table are looked through.
        """
        origin = {output: node for node in self.nodes for output in node.outputs}
        ids = {"input_ids"}
        for node in self.nodes:
            if node.operator in ("Cast", "Identity") and ids.intersection(node.inputs):
                ids.update(node.outputs)
        for node in self.nodes:
            if "Gather" not in node.operator and "Embed" not in node.operator:
                continue
            if not ids.intersection(node.inputs):
                continue
            for name in node.inputs:
                for _ in range(4):
                    if name in self.shapes or name not in origin:
                        break
                    name = (origin[name].inputs or [""])[0]
                if len(self.shapes.get(name, [])) == 2:
                    return self.shapes[name][0]
        return None


def _text(data: memoryview) -> str:
    if len(data) > 1_000_000:
        raise WireError("it has a name of more than a million bytes")
    return bytes(data).decode("utf-8")

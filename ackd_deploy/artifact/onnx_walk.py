"""One pass over the bytes of an ONNX model that gathers what `OnnxFacts` must know; weights are skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ackd_deploy.artifact.onnx_facts import OnnxFacts
from ackd_deploy.artifact.wire import BYTES, VARINT, Budget, WireError, fields, varints

__all__ = ["Walk"]

_MAX_AXES = 32
_MAX_DEPTH = 32  # a graph inside a node inside a graph …


@dataclass
class Node:
    operator: str
    inputs: list[str]
    outputs: list[str]


class Walk:
    """One pass over a model. Field numbers are those of onnx.proto, IR version 3 to 12."""

    def __init__(self, facts: OnnxFacts, budget: Budget) -> None:
        self.facts = facts
        self.budget = budget
        self.nodes: list[Node] = []
        self._calls = facts.main
        self.shapes: dict[str, list[int]] = {}

    def model(self, data: memoryview) -> None:
        """Walk a ModelProto, the whole file."""
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
        """Walk a GraphProto; ``depth`` counts the nodes that it lies in.

        Raises:
            WireError: it is nested too deeply.
        """
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
        self.facts.operators[domain, operator] += 1
        self._calls[_plain(domain), operator] += 1
        if depth == 0:
            self.nodes.append(Node(operator, inputs, outputs))

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
        if len(shape) > _MAX_AXES:
            raise WireError(f"it has a tensor of more than {_MAX_AXES} axes")
        if places:
            self.facts.external.append(max(places) or "(no name)")
        self.shapes[name] = shape

    def _function(self, data: memoryview) -> None:
        name, domain = "", ""
        self._calls = Counter()
        for number, value in self._messages(data):
            if number == 1:
                name = _text(value)
            elif number == 7:
                self._node(value, depth=1)
            elif number == 10:
                domain = _text(value)
            elif number == 11:  # default values of its attributes, which may be tensors and graphs
                self._attribute(value, depth=1)
        # Two functions of one name differ in their overload alone: what either calls is counted.
        self.facts.functions.setdefault((_plain(domain), name), Counter()).update(self._calls)
        self._calls = self.facts.main

    def _opset(self, data: memoryview) -> None:
        domain, version = "", 0
        for number, _, value in fields(data, self.budget):
            if number == 1 and isinstance(value, memoryview):
                domain = _text(value)
            elif number == 2 and isinstance(value, int):
                version = value
        if _plain(domain) == "":
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


def _plain(domain: str) -> str:
    """Return the empty domain for its other name."""
    return "" if domain == "ai.onnx" else domain


def _text(data: memoryview) -> str:
    if len(data) > 1_000_000:
        raise WireError("it has a name of more than a million bytes")
    return bytes(data).decode("utf-8")

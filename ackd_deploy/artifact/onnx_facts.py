"""What an ONNX file holds, and which of it is refused. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ackd_deploy.errors import ArtifactError

__all__ = ["OnnxFacts", "Operator"]

Operator = tuple[str, str]
"""Domain and name."""

# ONNX Runtime writes a function's nodes out at every call: ten calls in each of nine functions are a billion nodes.
_MAX_NODES = 200_000

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
    operators: Counter[Operator] = field(default_factory=Counter)
    functions: dict[Operator, Counter[Operator]] = field(default_factory=dict)
    """The operators that each function of the model's own calls, and how often."""
    main: Counter[Operator] = field(default_factory=Counter)
    """The operators outside functions."""
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
        if (nodes := self.expanded_nodes()) > _MAX_NODES:
            raise ArtifactError(
                f"{self.source} has functions that expand to {nodes:,} nodes; more than {_MAX_NODES:,} are refused"
            )
        return self

    def expanded_nodes(self) -> int:
        """Return how many nodes the graph has once every call of a function is replaced by the function's nodes.

        Raises:
            ArtifactError: a function calls itself, directly or through others.
        """
        sizes: dict[Operator, int] = {}

        def size(operator: Operator, path: tuple[Operator, ...]) -> int:
            if operator not in self.functions:
                return 1
            if operator in path:
                raise ArtifactError(f"{self.source} has a function that calls itself: {operator[1]!r}")
            if operator not in sizes:
                sizes[operator] = total(self.functions[operator], (*path, operator))
            return sizes[operator]

        def total(calls: Counter[Operator], path: tuple[Operator, ...]) -> int:
            return sum(count * size(operator, path) for operator, count in calls.items())

        try:
            return total(self.main, ())
        except RecursionError:
            raise ArtifactError(f"{self.source} has functions that call each other too deeply") from None

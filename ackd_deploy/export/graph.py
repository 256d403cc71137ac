"""From a student's folder to one ONNX graph, by either of two engines with one contract.

The contract: inputs by name (``input_ids``, ``attention_mask`` and, where the model has more than one
token type, ``token_type_ids``), each int64 with dynamic batch and sequence; one output, ``logits``; one
file below 2 GB without external data.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from ackd_deploy.errors import ArtifactError, MissingExtra
from ackd_deploy.extras import install_hint
from ackd_deploy.models.classifiers import load_for_inference

__all__ = ["Engine", "Graph", "check_contract", "divide_logits", "export_graph", "model_inputs", "resolve_engine"]

Engine = Literal["auto", "optimum", "torch"]

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
# The newest opset whose TorchScript export ONNX Runtime's BERT optimizer fuses whole, on both lines of transformers.
_OPSET = 17
_MAX_BYTES = 2**31 - 1


@dataclass(frozen=True)
class Graph:
    """An exported graph and how it came about."""

    path: Path
    engine: str
    opset: int
    inputs: tuple[str, ...]
    layers: int
    heads: int
    hidden: int
    model_type: str


def resolve_engine(engine: Engine) -> Literal["optimum", "torch"]:
    """Return the engine to use; ``auto`` takes optimum where it is installed and knows transformers.

    Raises:
        MissingExtra: optimum was asked for by name and cannot be used.
    """
    if engine == "torch":
        return "torch"
    problem = None
    try:
        metadata.version("optimum-onnx")
    except metadata.PackageNotFoundError:
        problem = "optimum-onnx is not installed"
    if _transformers_major() >= 5:
        problem = f"optimum-onnx does not know transformers {metadata.version('transformers')}"
    if problem is None:
        return "optimum"
    if engine == "auto":
        return "torch"
    raise MissingExtra(
        f"export.engine is optimum, and {problem}",
        hint=f"{install_hint('optimum')}, which takes transformers 4.57; or --set export.engine=torch",
    )


def _transformers_major() -> int:
    return int(metadata.version("transformers").split(".")[0])


def model_inputs(model: Any) -> tuple[str, ...]:
    """Return the names of the inputs that a model's graph takes, in their conventional order."""
    accepted = inspect.signature(model.forward).parameters
    # RoBERTa accepts token types but has one alone: an input that can only be zero is none.
    types = getattr(model.config, "type_vocab_size", 0) or 0
    return tuple(name for name in _INPUTS if name in accepted and (name != "token_type_ids" or types > 1))


def export_graph(student: Path, target: Path, engine: Engine = "auto") -> Graph:
    """Write the student as one fp32 ONNX file and check that it keeps the contract.

    Args:
        student: folder in Hugging Face layout.
        target: the file to write.
        engine: ``optimum``, ``torch``, or ``auto``.

    Raises:
        DataError: the student cannot be loaded.
        ArtifactError: the engine wrote a graph that breaks the contract.
        MissingExtra: the engine is not installed.
    """
    name = resolve_engine(engine)
    # transformers 5 traces SDPA into a pattern that the optimizer does not know; 4.57's it knows best of all.
    eager = name == "torch" and _transformers_major() >= 5
    model = load_for_inference(student, attention="eager" if eager else None)
    inputs = model_inputs(model)
    config = model.config
    with _quiet_exporters():
        if name == "optimum":
            _export_optimum(model, target)
        else:
            _export_torch(model, inputs, target)
    opset = check_contract(target, inputs)
    heads = getattr(config, "num_attention_heads", None) or config.n_heads
    return Graph(
        path=target,
        engine=name,
        opset=opset,
        inputs=inputs,
        layers=int(config.num_hidden_layers),
        heads=int(heads),
        hidden=int(config.hidden_size),
        model_type=str(config.model_type),
    )


def _export_optimum(model: Any, target: Path) -> None:
    from optimum.exporters.onnx import export
    from optimum.exporters.tasks import TasksManager

    make = TasksManager.get_exporter_config_constructor(
        "onnx", model=model, task="text-classification", library_name="transformers"
    )
    export(model, make(model.config), output=target, opset=_OPSET)


def _export_torch(model: Any, inputs: tuple[str, ...], target: Path) -> None:
    import torch

    class ByName(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        """Takes tensors in the order of ``inputs`` and hands them on by name."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: Any) -> Any:
            return self.model(**dict(zip(inputs, tensors, strict=True))).logits

    ids = torch.randint(5, int(model.config.vocab_size), (2, 9), generator=torch.Generator().manual_seed(0))
    example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    # A mask without zeros can make the tracer take a short cut that skips the mask.
    example["attention_mask"][1, 6:] = 0
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in inputs}
    with torch.inference_mode():
        torch.onnx.export(
            ByName(),
            tuple(example[name] for name in inputs),
            str(target),
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_axes={**axes, "logits": {0: "batch_size"}},
            opset_version=_OPSET,
            do_constant_folding=True,
            dynamo=False,
        )


def divide_logits(path: Path, temperature: float) -> None:
    """Let a graph divide its logits by a temperature, in place: whoever runs it then has calibrated scores."""
    if temperature == 1.0:
        return
    import onnx

    model = onnx.load(path)
    raw = "logits_before_temperature"
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [raw if name == "logits" else name for name in names]
    model.graph.initializer.append(onnx.helper.make_tensor("temperature", onnx.TensorProto.FLOAT, [], [temperature]))
    model.graph.node.append(onnx.helper.make_node("Div", [raw, "temperature"], ["logits"], name="temperature/Div"))
    onnx.save(model, path)


@contextmanager
def _quiet_exporters() -> Iterator[None]:
    """Silence what the exporters say about themselves: the gates, not warnings, judge their graph."""
    import logging

    import torch
    from transformers.utils import logging as transformers_logging

    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    loggers = [logging.getLogger(name) for name in ("optimum", "optimum.exporters.onnx.convert", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined, unused-ignore]
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        transformers_logging.set_verbosity(before)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def check_contract(path: Path, inputs: tuple[str, ...]) -> int:
    """Check names, axes and size of a graph and return its opset.

    Raises:
        ArtifactError: an input is missing or unknown, an axis is frozen, or the output is another.
    """
    import onnx

    if path.stat().st_size > _MAX_BYTES:
        raise ArtifactError(f"{path} exceeds 2 GB, the limit of a single ONNX file")
    model = onnx.load(path, load_external_data=False)
    found = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    if set(found) != set(inputs):
        raise ArtifactError(f"{path} takes {sorted(found)}, but the student takes {sorted(inputs)}")
    for name, dims in found.items():
        frozen = [axis for axis, dim in zip(("batch", "sequence"), dims, strict=True) if dim.HasField("dim_value")]
        if frozen:
            raise ArtifactError(f"{path}: the {' and '.join(frozen)} axis of {name} is frozen")
    outputs = [value.name for value in model.graph.output]
    if outputs != ["logits"]:
        raise ArtifactError(f"{path} gives {outputs}, where 'logits' alone was expected")
    return int(next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")))

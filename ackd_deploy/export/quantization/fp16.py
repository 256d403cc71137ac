"""A float graph in 16 bits (fp16), with what would overflow left in 32: found by measurement on calibration rows.

fp16 ends at 65,504 and has 11 bits. Two things go wrong with it, and each is looked for:

- an activation or a weight beyond that end becomes infinite, and NaN after the next LayerNorm. The float graph
  is run with all its activations in sight, and the nodes that write or read such a tensor stay in 32 bits;
- eleven bits are too few somewhere. Then operator types stay in 32 bits, one after the other, each time the one
  that brings the logits nearest to those in float.

A CPU has few kernels for fp16: ONNX Runtime computes the rest in 32 bits and leaves the roundings between them out.
What is compared here has them, as a GPU would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.export.foreign import GraphSession, copy_model, foreign
from ackd_deploy.export.quantization.quantize import Feeds
from ackd_deploy.export.quantization.sensitivity import expected_disagreement

__all__ = ["Fp16Model", "convert", "largest_values", "overflowing_nodes", "to_fp16"]

Floats = npt.NDArray[np.float32]

_LARGEST = 65504.0
# Calibration rows do not hold the largest activation that there will be.
_MARGIN = 2.0
# Constants out here stand for minus infinity in a mask; so does this in fp16, and it can be added to.
_INFINITE, _MASK = 1e30, 1e4
# Operator types that are tried: each round converts and runs the model once for each type that is left.
_MOST_TYPES = 3


@dataclass(frozen=True)
class Fp16Model:
    """A converted model, and the nodes (by name) and operator types that stayed in 32 bits."""

    model: Any
    nodes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def note(self) -> str:
        """One phrase for the table."""
        kept = [f"{len(self.nodes)} nodes against overflow"] if self.nodes else []
        kept += [f"all {name}" for name in self.types]
        return f"fused graph, in 32 bits: {', '.join(kept) or 'nothing'}"


def to_fp16(model: Any, fit: Feeds, choose: Feeds, *, target: float) -> Fp16Model:
    """Convert a float ONNX model whose output is ``logits``; it is left as it is.

    Args:
        model: fp32.
        fit: training texts as inputs, whose activations are looked at.
        choose: others, by whose logits the conversion is judged.
        target: expected share of changed answers that is good enough.

    Where nothing suffices, the last attempt is returned, and the gates refuse it.
    """
    source = _prepared(model)
    nodes = overflowing_nodes(source, largest_values(source, fit))
    reference = _logits(model, choose)
    types: list[str] = []
    while True:
        converted = convert(source, nodes, types)
        good = _good(reference, _rounded_logits(converted, choose), target)
        left = sorted(_convertible(source) - set(types))
        if good or not left or len(types) == _MOST_TYPES:
            return Fp16Model(converted, tuple(nodes), tuple(types))
        trials = (convert(source, nodes, [*types, name]) for name in left)
        errors = [_error(reference, _rounded_logits(trial, choose)) for trial in trials]
        types.append(left[int(np.argmin(errors))])


def convert(model: Any, nodes: Sequence[str] = (), types: Sequence[str] = ()) -> Any:
    """Return a copy in 16 bits; inputs and outputs keep their types, weights are clamped to the ends of fp16.

    Args:
        model: fp32, with the types of all its tensors written down, as by `to_fp16`.
        nodes: names of nodes to leave in 32 bits.
        types: operator types to leave in 32 bits, beside those that fp16 does not exist for.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with foreign():
        converted = convert_float_to_float16(
            copy_model(model),
            keep_io_types=True,
            min_positive_val=float(np.finfo(np.float16).smallest_subnormal),
            max_finite_val=_LARGEST,
            # onnx's inference does not know fused operators; a blocked node would then get no cast at its inputs.
            disable_shape_infer=True,
            op_block_list=[*DEFAULT_OP_BLOCK_LIST, *types],
            node_block_list=list(nodes),
        )
    _join_casts(converted)
    # Casts are appended at the end, behind the nodes that read them.
    OnnxModel(converted).topological_sort()
    return converted


def largest_values(model: Any, feeds: Feeds) -> dict[str, float]:
    """Return the largest absolute value of each float tensor of a model, weights included, over all feeds."""
    from onnx import TensorProto, numpy_helper

    known = {
        item.name: float(np.abs(numpy_helper.to_array(item)).max(initial=0.0))
        for item in model.graph.initializer
        if item.data_type == TensorProto.FLOAT
    }
    session = _session(_in_sight(model))
    names = session.float_outputs()
    maxima = dict.fromkeys(names, 0.0)
    for feed in feeds:
        for name, value in zip(names, session.run(names, feed), strict=True):
            # np.maximum keeps NaN, which counts as overflow.
            maxima[name] = float(np.maximum(maxima[name], np.abs(value).max(initial=0.0)))
    return known | maxima


def overflowing_nodes(model: Any, largest: Mapping[str, float]) -> list[str]:
    """Return the names of the nodes that write or read a tensor too large for fp16."""
    weights = {item.name for item in model.graph.initializer}

    def too_large(name: str) -> bool:
        # A weight is what it is; an activation may grow. Written so that NaN is too large.
        return name in largest and not largest[name] <= (_LARGEST if name in weights else _LARGEST / _MARGIN)

    return [node.name for node in model.graph.node if any(map(too_large, (*node.input, *node.output)))]


def _prepared(model: Any) -> Any:
    """A copy whose nodes have names, whose masks are finite and whose tensors have their types written down."""
    from onnx import TensorProto, helper, numpy_helper

    copy = copy_model(model)
    for number, node in enumerate(copy.graph.node):
        node.name = node.name or f"{node.op_type}_ackd_{number}"
    constants = [attribute.t for node in copy.graph.node if node.op_type == "Constant" for attribute in node.attribute]
    for tensor in (*copy.graph.initializer, *constants):
        if tensor.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor)
            if (np.abs(array) >= _INFINITE).any():
                finite = np.where(np.abs(array) >= _INFINITE, np.sign(array) * np.float32(_MASK), array)
                tensor.CopyFrom(numpy_helper.from_array(finite.astype(np.float32), tensor.name))
    known = {value.name for value in (*copy.graph.value_info, *copy.graph.output)}
    for name in _session(_in_sight(copy)).float_outputs():
        if name not in known:
            copy.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return copy


def _join_casts(model: Any) -> None:
    """Let neighbors in 32 bits pass on what they have: the converter casts it to 16 bits and back between them."""
    from onnx import TensorProto

    def casts(to: int) -> dict[str, str]:
        found = [node for node in model.graph.node if node.op_type == "Cast" and node.attribute[0].i == to]
        return {node.output[0]: node.input[0] for node in found}

    down, up = casts(TensorProto.FLOAT16), casts(TensorProto.FLOAT)
    origin = {name: down[source] for name, source in up.items() if source in down}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = origin.get(name, name)
    outputs = {value.name for value in model.graph.output}
    while True:
        read = outputs | {name for node in model.graph.node for name in node.input}
        unread = [node for node in model.graph.node if node.op_type == "Cast" and node.output[0] not in read]
        if not unread:
            return
        for node in unread:
            model.graph.node.remove(node)


def _in_sight(model: Any) -> Any:
    """A copy in which each tensor is an output."""
    from onnx import ValueInfoProto

    copy = copy_model(model)
    known = {value.name for value in copy.graph.output}
    names = [name for node in copy.graph.node for name in node.output if name and name not in known]
    copy.graph.output.extend(ValueInfoProto(name=name) for name in names)
    return copy


def _convertible(model: Any) -> set[str]:
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST

    return {node.op_type for node in model.graph.node} - {"Cast", "Constant", "Shape", *DEFAULT_OP_BLOCK_LIST}


def _good(reference: Floats, found: Floats, target: float) -> bool:
    return bool(np.isfinite(found).all()) and expected_disagreement(reference, found) <= target


def _error(reference: Floats, found: Floats) -> float:
    error = float(np.sqrt(np.mean(np.square(found - reference))))
    return error if np.isfinite(error) else float("inf")


def _logits(model: Any, feeds: Feeds) -> Floats:
    session = _session(model)
    return np.concatenate([session.run(["logits"], feed)[0] for feed in feeds])


def _rounded_logits(model: Any, feeds: Feeds) -> Floats:
    """The logits with each 16-bit tensor really in 16 bits.

    Behind an Identity no cast is left out; behind a single one it is, since ONNX Runtime moves a lone 16-bit node
    between 32-bit ones to 32 bits as well.
    """
    from onnx import helper

    copy = copy_model(model)
    for node in list(copy.graph.node):
        for place, name in enumerate(node.output):
            if name and node.op_type != "Constant":
                first, second = f"{name}_ackd_stored", f"{name}_ackd_read"
                node.output[place] = first
                copy.graph.node.append(helper.make_node("Identity", [first], [second]))
                copy.graph.node.append(helper.make_node("Identity", [second], [name]))
    return _logits(copy, feeds)


def _session(model: Any) -> GraphSession:
    # Optimized, tensors would vanish, and casts to fp16 and back with them: the rounding must stay.
    return GraphSession(model.SerializeToString(), optimize=False)

"""SmoothQuant: move outliers of activations into the weights, where 8 bits per channel can hold them.

A few channels of BERT's activations are ten times larger than the rest; one 8-bit scale for all of them
leaves the rest a few steps. A product stays the same when a channel is divided and its weights multiplied:

    X @ W = (X / s) @ (s * W),    s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)

with max|X_j| taken over calibration texts. In a post-LayerNorm network X also feeds the residual sum, so
1/s cannot be folded into the LayerNorm and stands as a Mul of its own: a millionth of the product's work.

Source: Xiao et al., SmoothQuant, ICML 2023, equation 4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.export.foreign import GraphSession, copy_model

__all__ = ["Feeds", "activations", "channel_maxima", "products_by_input", "smooth", "smoothing_scales"]

Feeds = Sequence[Mapping[str, npt.NDArray[np.int64]]]
Maxima = dict[str, npt.NDArray[np.float32]]
_PRODUCTS = ("MatMul", "Attention")
_FLOOR = 1e-5


def products_by_input(model: Any) -> dict[str, list[Any]]:
    """Return the nodes that multiply with a constant weight, by the activation they share."""
    constants = {item.name for item in model.graph.initializer}
    groups: dict[str, list[Any]] = defaultdict(list)
    for node in model.graph.node:
        if node.op_type in _PRODUCTS and node.input[1] in constants:
            groups[node.input[0]].append(node)
    return groups


def activations(model: Any, feeds: Feeds) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    """Run texts and yield, for each feed, the activations [..., K] that meet a constant weight, by name."""
    import onnx

    names = sorted(products_by_input(model))
    probe = copy_model(model)
    probe.graph.output.extend([onnx.helper.make_empty_tensor_value_info(name) for name in names])
    session = GraphSession(probe.SerializeToString(), threads=None)
    for feed in feeds:
        yield dict(zip(names, session.run(names, feed), strict=True))


def channel_maxima(model: Any, feeds: Feeds) -> Maxima:
    """Run the calibration texts and return max|X_j| [K] of each activation that meets a constant weight."""
    maxima: Maxima = {}
    for values in activations(model, feeds):
        for name, value in values.items():
            largest = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            maxima[name] = np.maximum(maxima[name], largest) if name in maxima else largest
    return maxima


def smoothing_scales(
    activation: npt.NDArray[np.float32], weights: Sequence[npt.NDArray[np.float32]], alpha: float
) -> npt.NDArray[np.float32]:
    """Return s [K] for an activation's maxima [K] and the weights [K, N] that share it."""
    weight = np.max([np.abs(w).max(axis=1) for w in weights], axis=0)
    scales = np.maximum(activation, _FLOOR) ** alpha / np.maximum(weight, _FLOOR) ** (1.0 - alpha)
    return np.asarray(np.maximum(scales, _FLOOR), dtype=np.float32)


def smooth(model: Any, maxima: Maxima, alpha: float) -> None:
    """Smooth every product with a constant weight of an ONNX model, in place."""
    from onnx import helper, numpy_helper

    weights = {item.name: item for item in model.graph.initializer}
    uses: dict[str, int] = defaultdict(int)
    for node in model.graph.node:
        for name in node.input:
            uses[name] += 1
    before: dict[str, Any] = {}
    for activation, products in products_by_input(model).items():
        # A weight that another product uses too must not change under it.
        mine = [node for node in products if uses[node.input[1]] == 1]
        if not mine or activation not in maxima:
            continue
        arrays = [numpy_helper.to_array(weights[node.input[1]]) for node in mine]
        scales = smoothing_scales(maxima[activation], arrays, alpha)
        model.graph.initializer.append(numpy_helper.from_array(1.0 / scales, f"{activation}_smoothing"))
        before[mine[0].output[0]] = helper.make_node(
            "Mul", [activation, f"{activation}_smoothing"], [f"{activation}_smooth"]
        )
        for node, array in zip(mine, arrays, strict=True):
            name = node.input[1]
            weights[name].CopyFrom(numpy_helper.from_array((array * scales[:, None]).astype(np.float32), name))
            node.input[0] = f"{activation}_smooth"
    nodes: list[Any] = []
    for node in model.graph.node:
        if node.output[0] in before:
            nodes.append(before[node.output[0]])
        nodes.append(node)
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)

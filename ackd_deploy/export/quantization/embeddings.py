"""Embedding tables in 8 bits, block by block: most of a small student's file, next to none of its time.

ONNX Runtime's own quantizer gives a whole table one scale. Here each row has one scale for each block of
entries, and the rows that a text needs are multiplied out where they are looked up:

    table[V, H]  ->  q[V, H] int8, s[V, H / block] float32 with table ~ q * s
    Gather(table, ids)  ->  Gather(q, ids) as float * Gather(s, ids), block by block

A row's result depends on its own ids alone, so this cannot make a graph depend on its batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["quantize_embeddings", "quantize_embeddings_of", "quantize_table"]

_BLOCK = 64
# Position and token-type tables are small: they stay as they are.
_MIN_ENTRIES = 500_000


def quantize_table(table: npt.NDArray[np.float32], block: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return q [V, H] and scales [V, H / block] so that table ~ q * scales, each block to its largest entry."""
    rows, width = table.shape
    blocks = table.reshape(rows, width // block, block)
    scales = np.abs(blocks).max(axis=2, keepdims=True) / 127.0
    safe = np.where(scales > 0, scales, 1.0)
    quantized = np.rint(blocks / safe).astype(np.int8).reshape(rows, width)
    return quantized, safe[:, :, 0].astype(np.float32)


def quantize_embeddings(model: Any) -> int:
    """Replace the large embedding tables of an ONNX model in place and return how many there were."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    tables = {
        item.name: item
        for item in graph.initializer
        if len(item.dims) == 2 and item.data_type == TensorProto.FLOAT and int(np.prod(item.dims)) >= _MIN_ENTRIES
    }
    nodes: list[Any] = []
    replaced: set[str] = set()
    for node in graph.node:
        if node.op_type != "Gather" or node.input[0] not in tables:
            nodes.append(node)
            continue
        name, ids, out = node.input[0], node.input[1], node.output[0]
        width = int(tables[name].dims[1])
        block = _BLOCK if width % _BLOCK == 0 else width
        if name not in replaced:
            quantized, scales = quantize_table(numpy_helper.to_array(tables[name]), block)
            graph.initializer.extend(
                [
                    numpy_helper.from_array(quantized, f"{name}_q8"),
                    numpy_helper.from_array(scales[:, :, None], f"{name}_scale"),
                    numpy_helper.from_array(np.array([0, 0, width // block, block], dtype=np.int64), f"{name}_blocks"),
                    numpy_helper.from_array(np.array([0, 0, width], dtype=np.int64), f"{name}_row"),
                ]
            )
            replaced.add(name)
        nodes += [
            helper.make_node("Gather", [f"{name}_q8", ids], [f"{out}_q8"], axis=0),
            helper.make_node("Cast", [f"{out}_q8"], [f"{out}_float"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", [f"{out}_float", f"{name}_blocks"], [f"{out}_blocks"]),
            helper.make_node("Gather", [f"{name}_scale", ids], [f"{out}_scale"], axis=0),
            helper.make_node("Mul", [f"{out}_blocks", f"{out}_scale"], [f"{out}_scaled"]),
            helper.make_node("Reshape", [f"{out}_scaled", f"{name}_row"], [out]),
        ]
    for name in replaced:
        graph.initializer.remove(tables[name])
    del graph.node[:]
    graph.node.extend(nodes)
    return len(replaced)


def quantize_embeddings_of(path: Path) -> None:
    """Do the same to a file, in place; last, since before the other quantizers it costs them their shape inference."""
    import onnx

    model = onnx.load(path)
    quantize_embeddings(model)
    onnx.save(model, path)

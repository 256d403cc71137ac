"""Four ways to 8 bits, each a function from an fp32 ONNX model to a file; how good each is, the gates say."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.export.foreign import copy_model, foreign

__all__ = ["Feeds", "needs_reduced_range", "quantize_dynamic", "quantize_static", "quantize_weights", "weight_products"]

Feeds = Sequence[Mapping[str, npt.NDArray[np.int64]]]

_BLOCK = 32


def needs_reduced_range(features: Collection[str]) -> bool:
    """Whether 8-bit products saturate on a processor: x86 without VNNI adds two products in 16 bits."""
    x86 = bool({"avx", "avx2", "avx512f"} & set(features))
    return x86 and "vnni" not in features


def weight_products(model: Any) -> list[str]:
    """Return the names of the nodes that multiply with a constant weight."""
    constants = {item.name for item in model.graph.initializer}
    return [
        node.name for node in model.graph.node if node.op_type in ("MatMul", "Attention") and node.input[1] in constants
    ]


def quantize_dynamic(model: Any, target: Path, *, reduce_range: bool, exclude: Sequence[str] = ()) -> None:
    """Weights in int8 per channel, activations in uint8 with one scale for each run; the head stays in float.

    That scale is taken over the whole batch: such a graph must be run row by row.

    Args:
        model: fp32 ONNX model; left as it is.
        target: the file to write.
        reduce_range: 7-bit weights, for processors without VNNI.
        exclude: names of nodes to leave in float.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet(), foreign():
        quantize_dynamic(
            copy_model(model),
            target,
            op_types_to_quantize=["MatMul", "Attention"],
            per_channel=True,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
            # By name, or the head's Gemm would go too: no time to win there, and its error reaches the logits whole.
            nodes_to_quantize=[name for name in weight_products(model) if name not in set(exclude)],
            # A fused graph has operators without shape inference; the quantizer asks for the type it cannot infer.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
        )


def quantize_weights(model: Any, target: Path) -> None:
    """Weights in int8 by blocks of 32 (MatMulNBits); int8 arithmetic with a scale for each row and block."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    copy = copy_model(model)
    with _quiet(), foreign():
        # Symmetric; accuracy level 4 is the kernels' name for int8 arithmetic.
        quantizer = MatMulNBitsQuantizer(copy, bits=8, block_size=_BLOCK, is_symmetric=True, accuracy_level=4)
        quantizer.process()
        quantizer.model.save_model_to_file(str(target), False)


def quantize_static(
    model: Any,
    target: Path,
    feeds: Feeds,
    *,
    reduce_range: bool,
    exclude: Sequence[str] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Weights in int8 per channel, activations in uint8 with scales fixed by calibration texts (QDQ).

    The model must be the raw graph: of a fused one ONNX Runtime would quantize the weights alone, silently.

    Args:
        model: fp32 ONNX model; left as it is.
        target: the file to write.
        feeds: calibration texts; the extremes of an activation over them are its range.
        reduce_range: 7-bit weights, for processors without VNNI.
        exclude: names of nodes to leave in float.
        ranges: lowest and highest value of activations that get another range than their extremes.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            self._feeds: Iterator[Any] = iter([dict(feed) for feed in feeds])

        def get_next(self) -> Any:
            return next(self._feeds, None)

    with _quiet(), tempfile.TemporaryDirectory(dir=target.parent, prefix=".tmp-") as folder:
        source = Path(folder, "fp32.onnx")
        onnx.save(model, source)
        wanted = [name for name in weight_products(model) if name not in set(exclude)]
        overrides = {
            name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in (ranges or {}).items()
        }
        with foreign():
            quantize_static(
                source,
                target,
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                reduce_range=reduce_range,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                # MatMulConstBOnly is not heeded here: without this list the products inside attention would be
                # quantized too, and their outputs hold the widest ranges of all.
                nodes_to_quantize=wanted,
                extra_options={
                    "DefaultTensorType": onnx.TensorProto.FLOAT,
                    "OpTypesToExcludeOutputQuantization": ["MatMul"],
                    "TensorQuantOverrides": overrides,
                },
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizers from logging each node, and from advising a preprocessing that fails on some graphs."""
    root, own = logging.getLogger(), logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer")
    levels = root.level, own.level
    root.setLevel(logging.ERROR)
    own.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(levels[0])
        own.setLevel(levels[1])

"""The recipe's list of variants, each built from the exported graph; what it is worth is measured later."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from ackd_deploy.artifact.schema import EngineName
from ackd_deploy.export.fusion import count_fused, fuse_or_copy
from ackd_deploy.export.graph import Graph
from ackd_deploy.export.quantization.embeddings import quantize_embeddings_of
from ackd_deploy.export.quantization.fp16 import to_fp16
from ackd_deploy.export.quantization.quantize import needs_reduced_range, quantize_dynamic, quantize_weights
from ackd_deploy.export.quantization.search import Calibration, Search
from ackd_deploy.runtime.engines.openvino_engine import import_openvino

__all__ = ["BuiltVariant", "build_variant"]


@dataclass(frozen=True)
class BuiltVariant:
    """One variant's file and what running it takes."""

    name: str
    path: Path
    precision: str
    engine: EngineName = "onnxruntime"
    for_gpu: bool = False
    batch_sensitive: bool = False
    claims_fusion: bool = False
    cpu_features: tuple[str, ...] = ()
    fused: dict[str, int] = field(default_factory=dict)
    note: str = ""


def build_variant(
    name: str,
    graph: Graph,
    folder: Path,
    *,
    calibration: Calibration | None,
    features: Collection[str],
    min_agreement: float = 0.0,
) -> BuiltVariant:
    """Build one variant.

    Args:
        name: as in the recipe.
        graph: the exported fp32 graph.
        folder: where files are written.
        calibration: rows of the training data, none of the validation data; None where there are none, which
            ``int8_static`` and ``fp16`` cannot do without.
        features: of the processor at hand; quantization parameters follow them.
        min_agreement: share of rows that must keep their answer; where the calibration rows say that fewer will,
            the worst products stay in float.

    Raises:
        MissingExtra: the variant's engine is not installed.
        ForeignFailure: a tool fails on this graph.
    """
    import onnx

    target = folder / f"{name}.onnx"
    if name == "fp32":
        counts, note = fuse_or_copy(graph, target)
        return BuiltVariant(name, target, "fp32", claims_fusion=True, fused=counts, note=note)
    if name in ("openvino", "openvino_fp32"):
        return _under_openvino(name, graph, folder, features)
    if name == "fp16" and calibration is not None:
        return _in_half(graph, folder, calibration, min_agreement)
    model = onnx.load(graph.path)
    if name == "int8_weight_only":
        quantize_weights(model, target)
        quantize_embeddings_of(target)
        return BuiltVariant(name, target, "int8", note="MatMulNBits, blocks of 32")
    if calibration is None and name != "int8_dynamic":
        raise ValueError(f"{name} needs rows to calibrate on")
    vnni = ("vnni",) if "vnni" in features else ()
    reduced = needs_reduced_range(features)
    if calibration is None:
        quantize_dynamic(model, target, reduce_range=reduced)
        quantize_embeddings_of(target)
        note = "raw graph, no smoothing: no rows to choose by"
    else:
        search = Search(model, folder, calibration, reduced, min_agreement)
        best = search.dynamic(graph) if name == "int8_dynamic" else search.static()
        best.path.replace(target)
        note = best.note
    counts = count_fused(target)
    note += ", 7-bit weights" if reduced else ""
    return BuiltVariant(
        name, target, "int8", batch_sensitive=name == "int8_dynamic", cpu_features=vnni, fused=counts, note=note
    )


def _in_half(graph: Graph, folder: Path, calibration: Calibration, min_agreement: float) -> BuiltVariant:
    """The fused graph in 16 bits, for GPUs: a CPU only shows whether its answers hold."""
    import onnx

    source, target = folder / "fp16-source.onnx", folder / "fp16.onnx"
    fuse_or_copy(graph, source)
    # Half of what is allowed, as for 8 bits: the other half is for what few calibration rows do not show.
    half = to_fp16(onnx.load(source), calibration.fit, calibration.choose, target=0.5 * (1.0 - min_agreement))
    onnx.save(half.model, target)
    counts = count_fused(target)
    return BuiltVariant("fp16", target, "fp16", for_gpu=True, claims_fusion=True, fused=counts, note=half.note())


def _under_openvino(name: str, graph: Graph, folder: Path, features: Collection[str]) -> BuiltVariant:
    """The graph of fp32, in the precision that the processor has; no file of its own."""
    import_openvino()
    path = folder / "fp32.onnx"
    counts = count_fused(path) if path.exists() else fuse_or_copy(graph, path)[0]
    half = name == "openvino" and "bf16" in features
    precision = "bf16" if half else "fp32"
    return BuiltVariant(
        name,
        path,
        precision,
        engine="openvino",
        cpu_features=("bf16",) if half else (),
        fused=counts,
        note=f"fp32's graph under OpenVINO {metadata.version('openvino')}, {precision}",
    )

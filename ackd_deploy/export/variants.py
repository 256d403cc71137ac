"""The recipe's list of variants, each built from the exported graph; what it is worth is measured later."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.artifact.schema import EngineName
from ackd_deploy.export.embeddings import quantise_embeddings
from ackd_deploy.export.fuse import count_fused, fuse
from ackd_deploy.export.graph import Graph
from ackd_deploy.export.quantize import (
    Feeds,
    needs_reduced_range,
    quantise_dynamic,
    quantise_static,
    quantise_weights,
)
from ackd_deploy.export.sensitivity import expected_disagreement, product_groups, worst_groups
from ackd_deploy.export.smooth import channel_maxima, smooth
from ackd_deploy.runtime.openvino_engine import import_openvino

__all__ = ["Built", "Calibration", "build_variant"]

# Strengths of SmoothQuant that are tried; None leaves the activations as they are.
_ALPHAS = (None, 0.7, 0.8)


@dataclass(frozen=True)
class Calibration:
    """Training texts as inputs of the graph: ``fit`` sets ranges, ``choose`` compares settings on other rows."""

    fit: Feeds
    choose: Feeds


@dataclass(frozen=True)
class Built:
    """One variant's file and what running it takes."""

    name: str
    path: Path
    precision: str
    engine: EngineName = "onnxruntime"
    for_gpu: bool = False
    row_by_row: bool = False
    claims_fusion: bool = False
    cpu_features: tuple[str, ...] = ()
    fused: dict[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class _Trial:
    """One way to quantise, as it came out on the rows to choose by."""

    model: Any
    outputs: npt.NDArray[np.float32]
    error: float
    seconds: float
    path: Path
    note: str
    alpha: float | None


# Writes an int8 file of a float model, leaving the named products in float.
_Write = Callable[[Any, Path, Sequence[str]], None]


def build_variant(
    name: str,
    graph: Graph,
    folder: Path,
    calibration: Calibration,
    features: Collection[str],
    min_agreement: float = 0.0,
) -> Built:
    """Build one variant.

    Args:
        name: as in the recipe.
        graph: the exported fp32 graph.
        folder: where files are written.
        calibration: rows of the training data, none of the validation data.
        features: of the processor at hand; quantisation parameters follow them.
        min_agreement: share of rows that must keep their answer; where the calibration rows foretell less, the
            worst products stay in float.

    Raises:
        MissingExtra: the variant's engine is not installed.
    """
    import onnx

    target = folder / f"{name}.onnx"
    if name == "fp32":
        counts = fuse(graph, target)
        return Built(name, target, "fp32", claims_fusion=True, fused=counts)
    if name in ("openvino", "openvino_fp32"):
        return _under_openvino(name, graph, folder, features)
    model = onnx.load(graph.path)
    if name == "int8_weight_only":
        quantise_weights(model, target)
        _finish(target)
        return Built(name, target, "int8", note="MatMulNBits, blocks of 32")
    vnni = ("vnni",) if "vnni" in features else ()
    reduced = needs_reduced_range(features)
    if name == "int8_dynamic":
        best = _best_dynamic(graph, model, folder, calibration, reduced, min_agreement)
    else:
        best = _best_static(model, folder, calibration, reduced, min_agreement)
    best.path.replace(target)
    counts = count_fused(target)
    note = best.note + (", 7-bit weights" if reduced else "")
    return Built(name, target, "int8", row_by_row=name == "int8_dynamic", cpu_features=vnni, fused=counts, note=note)


def _under_openvino(name: str, graph: Graph, folder: Path, features: Collection[str]) -> Built:
    """The graph of fp32, in the precision that the processor has; no file of its own."""
    import_openvino()
    path = folder / "fp32.onnx"
    counts = count_fused(path) if path.exists() else fuse(graph, path)
    half = name == "openvino" and "bf16" in features
    precision = "bf16" if half else "fp32"
    return Built(
        name,
        path,
        precision,
        engine="openvino",
        cpu_features=("bf16",) if half else (),
        fused=counts,
        note=f"fp32's graph under OpenVINO {metadata.version('openvino')}, {precision}",
    )


def _finish(path: Path) -> None:
    """Quantise the embeddings last: before, they would cost the quantisers their shape inference."""
    import onnx

    model = onnx.load(path)
    quantise_embeddings(model)
    onnx.save(model, path)


def _best_static(model: Any, folder: Path, calibration: Calibration, reduced: bool, min_agreement: float) -> _Trial:
    def write(candidate: Any, path: Path, exclude: Sequence[str]) -> None:
        quantise_static(candidate, path, calibration.fit, reduce_range=reduced, exclude=exclude)

    best = _most_faithful(model, folder, calibration, write, "raw graph", _ALPHAS)
    return _leave_worst(best, model, folder, calibration, write, min_agreement)


def _best_dynamic(
    graph: Graph, model: Any, folder: Path, calibration: Calibration, reduced: bool, min_agreement: float
) -> _Trial:
    """The most faithful smoothing, on the raw or on the fused graph, whichever runs faster."""
    import onnx

    def write(candidate: Any, path: Path, exclude: Sequence[str]) -> None:
        quantise_dynamic(candidate, path, reduce_range=reduced, exclude=exclude)

    raw = _most_faithful(model, folder, calibration, write, "raw graph", _ALPHAS)
    fused_path = folder / "fused.onnx"
    fuse(graph, fused_path, embeddings=False)
    fused = _most_faithful(onnx.load(fused_path), folder, calibration, write, "fused graph", (raw.alpha,))
    # A fused graph that is faster but clearly less faithful must not win.
    best = fused if fused.seconds < 0.97 * raw.seconds and fused.error <= 1.1 * raw.error else raw
    return _leave_worst(best, model, folder, calibration, write, min_agreement)


def _most_faithful(
    model: Any,
    folder: Path,
    calibration: Calibration,
    write: _Write,
    kind: str,
    alphas: Sequence[float | None],
) -> _Trial:
    """Quantise with each strength of smoothing; return the one with the smallest error of the logits."""
    import onnx

    reference, _ = _outputs(model.SerializeToString(), calibration.choose)
    maxima = channel_maxima(model, calibration.fit)
    trials = []
    for alpha in alphas:
        candidate = onnx.ModelProto()
        candidate.CopyFrom(model)
        if alpha is not None:
            smooth(candidate, maxima, alpha)
        path = folder / f"trial-{kind.split()[0]}-{alpha}.onnx"
        write(candidate, path, ())
        _finish(path)
        outputs, seconds = _outputs(str(path), calibration.choose)
        error = float(np.sqrt(np.mean(np.square(outputs - reference))))
        smoothing = "no smoothing" if alpha is None else f"SmoothQuant {alpha}"
        trials.append(_Trial(candidate, outputs, error, seconds, path, f"{kind}, {smoothing}", alpha))
    return min(trials, key=lambda trial: trial.error)


def _leave_worst(
    best: _Trial, model: Any, folder: Path, calibration: Calibration, write: _Write, min_agreement: float
) -> _Trial:
    """Where too many answers would change, quantise again with the worst products in float."""
    reference, _ = _outputs(model.SerializeToString(), calibration.choose)
    # Half of what is allowed: the other half is for what few calibration rows do not show.
    target = 0.5 * (1.0 - min_agreement)
    if expected_disagreement(reference, best.outputs) <= target:
        return best
    path = folder / "trial-left.onnx"

    def run(exclude: Sequence[str]) -> npt.NDArray[np.float32]:
        write(best.model, path, exclude)
        return _outputs(str(path), calibration.choose)[0]

    groups = product_groups(best.model)
    left = worst_groups(groups, reference, run, target=target, most=max(1, len(groups) // 3))
    write(best.model, path, left)
    _finish(path)
    return replace(best, path=path, note=f"{best.note}, {len(left)} products left in float")


def _outputs(model: str | bytes, feeds: Feeds) -> tuple[npt.NDArray[np.float32], float]:
    """Logits [N, C] of feeds of one row each, and the median seconds of a run on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs, times = [], []
    for feed in feeds:
        start = time.perf_counter()
        outputs.append(session.run(["logits"], dict(feed))[0])
        times.append(time.perf_counter() - start)
    return np.concatenate(outputs), float(np.median(times))

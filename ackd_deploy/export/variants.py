"""The recipe's list of variants, each built from the exported graph; what it is worth is measured later."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.export.embeddings import quantise_embeddings
from ackd_deploy.export.fuse import count_fused, fuse
from ackd_deploy.export.graph import Graph
from ackd_deploy.export.quantize import (
    Feeds,
    needs_reduced_range,
    quantise_dynamic,
    quantise_static,
    quantise_weights,
    weight_products,
)
from ackd_deploy.export.smooth import channel_maxima, smooth

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
    row_by_row: bool = False
    claims_fusion: bool = False
    cpu_features: tuple[str, ...] = ()
    fused: dict[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class _Trial:
    error: float
    seconds: float
    path: Path
    note: str


def build_variant(name: str, graph: Graph, folder: Path, calibration: Calibration, features: Collection[str]) -> Built:
    """Build one variant.

    Args:
        name: as in the recipe.
        graph: the exported fp32 graph.
        folder: where files are written.
        calibration: rows of the training data, none of the validation data.
        features: of the processor at hand; quantisation parameters follow them.
    """
    import onnx

    target = folder / f"{name}.onnx"
    if name == "fp32":
        counts = fuse(graph, target)
        return Built(name, target, "fp32", claims_fusion=True, fused=counts)
    model = onnx.load(graph.path)
    if name == "int8_weight_only":
        quantise_weights(model, target)
        _finish(target)
        return Built(name, target, "int8", note="MatMulNBits, blocks of 32")
    vnni = ("vnni",) if "vnni" in features else ()
    reduced = needs_reduced_range(features)
    if name == "int8_dynamic":
        best = _best_dynamic(graph, model, folder, calibration, reduced)
    else:
        best = _best_static(model, folder, calibration, reduced)
    best.path.replace(target)
    counts = count_fused(target)
    note = best.note + (", 7-bit weights" if reduced else "")
    return Built(name, target, "int8", row_by_row=name == "int8_dynamic", cpu_features=vnni, fused=counts, note=note)


def _finish(path: Path) -> None:
    """Quantise the embeddings last: before, they would cost the quantisers their shape inference."""
    import onnx

    model = onnx.load(path)
    quantise_embeddings(model)
    onnx.save(model, path)


def _best_static(model: Any, folder: Path, calibration: Calibration, reduced: bool) -> _Trial:
    def write(candidate: Any, path: Path) -> None:
        quantise_static(candidate, path, calibration.fit, reduce_range=reduced)

    return min(_smoothing_trials(model, folder, calibration, write, "static"), key=lambda trial: trial.error)


def _best_dynamic(graph: Graph, model: Any, folder: Path, calibration: Calibration, reduced: bool) -> _Trial:
    """The most faithful smoothing, on the raw or on the fused graph, whichever runs faster."""
    import onnx

    def write(candidate: Any, path: Path) -> None:
        quantise_dynamic(candidate, path, reduce_range=reduced)

    raw = min(_smoothing_trials(model, folder, calibration, write, "dynamic"), key=lambda trial: trial.error)
    fused_path = folder / "fused.onnx"
    fuse(graph, fused_path, embeddings=False)
    fused = min(
        _smoothing_trials(onnx.load(fused_path), folder, calibration, write, "dynamic-fused"),
        key=lambda trial: trial.error,
    )
    # Two graphs of one error: a fused one that is faster but clearly worse must not win.
    return fused if fused.seconds < 0.97 * raw.seconds and fused.error <= 1.1 * raw.error else raw


def _smoothing_trials(
    model: Any, folder: Path, calibration: Calibration, write: Callable[[Any, Path], None], stem: str
) -> list[_Trial]:
    import onnx

    reference = [run[0] for run in _outputs(model.SerializeToString(), calibration.choose)[0]]
    maxima = channel_maxima(model, calibration.fit)
    trials = []
    for alpha in _ALPHAS:
        candidate = onnx.ModelProto()
        candidate.CopyFrom(model)
        if alpha is not None:
            smooth(candidate, maxima, alpha)
        path = folder / f"{stem}-{alpha}.onnx"
        write(candidate, path)
        _finish(path)
        outputs, seconds = _outputs(str(path), calibration.choose)
        error = float(np.sqrt(np.mean([np.square(a[0] - b) for a, b in zip(outputs, reference, strict=True)])))
        smoothing = "no smoothing" if alpha is None else f"SmoothQuant {alpha}"
        kind = "fused graph" if stem.endswith("fused") else "raw graph"
        trials.append(_Trial(error, seconds, path, f"{kind}, {smoothing}, {len(weight_products(model))} products"))
    return trials


def _outputs(model: str | bytes, feeds: Feeds) -> tuple[Sequence[Sequence[npt.NDArray[np.float32]]], float]:
    """Logits of each feed, and the median seconds of a run on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs, times = [], []
    for feed in feeds:
        start = time.perf_counter()
        outputs.append(session.run(["logits"], dict(feed)))
        times.append(time.perf_counter() - start)
    return outputs, float(np.median(times))

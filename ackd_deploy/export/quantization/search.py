"""How to quantize a graph: each setting is tried, and the one with the smallest error of the logits is kept.

What costs more is tried only where the answers of calibration rows would change too often: other ranges of the
activations (`clip.py`), then products left in float (`sensitivity.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.export.foreign import ForeignFailure, GraphSession, copy_model
from ackd_deploy.export.fusion import fuse
from ackd_deploy.export.graph import Graph
from ackd_deploy.export.quantization.clip import Ranges, clipped_ranges
from ackd_deploy.export.quantization.embeddings import quantize_embeddings_of
from ackd_deploy.export.quantization.quantize import Feeds, quantize_dynamic, quantize_static
from ackd_deploy.export.quantization.sensitivity import expected_disagreement, product_groups, worst_groups
from ackd_deploy.export.quantization.smooth import channel_maxima, smooth

__all__ = ["Calibration", "Search", "Trial"]

# Strengths of SmoothQuant that are tried; None leaves the activations as they are.
_ALPHAS = (None, 0.7, 0.8)
# Shares of an activation's values that are left outside its range.
_CLIPPED = (1e-5, 1e-4, 1e-3)


@dataclass(frozen=True)
class Calibration:
    """Training texts as inputs of the graph: ``fit`` sets ranges, ``choose`` compares settings on other rows."""

    fit: Feeds
    choose: Feeds


# Writes an int8 file of a float model, leaving the named products in float.
_Write = Callable[[Any, Path, Sequence[str]], None]


@dataclass(frozen=True)
class Trial:
    """One way to quantize, as it came out on the rows to choose by.

    Attributes:
        model: the float model that was quantized, smoothed or not.
        write: how it was quantized.
        outputs: logits [N, C].
        error: root mean square of their difference from those in float.
        seconds: median of a run on one thread.
        path: the int8 file.
        note: the settings, in words.
        alpha: strength of smoothing.
    """

    model: Any
    write: _Write
    outputs: npt.NDArray[np.float32]
    error: float
    seconds: float
    path: Path
    note: str
    alpha: float | None


@dataclass(frozen=True, eq=False)
class Search:
    """The trials on one exported graph.

    Attributes:
        graph: the exported graph's model, fp32 and not fused.
        folder: where files are written.
        calibration: rows of the training data.
        reduced: 7-bit weights.
        min_agreement: share of rows that must keep their answer.
    """

    graph: Any
    folder: Path
    calibration: Calibration
    reduced: bool
    min_agreement: float

    def static(self) -> Trial:
        """The most faithful smoothing; then, where needed, clipping, and products in float."""
        best = self._smoothed(self.graph, self._static_writer(None), "raw graph", _ALPHAS)
        return self._leave_worst(self._clip(best))

    def dynamic(self, graph: Graph) -> Trial:
        """The most faithful smoothing, on the raw or on the fused graph, whichever runs faster."""
        import onnx

        def write(candidate: Any, path: Path, exclude: Sequence[str]) -> None:
            quantize_dynamic(candidate, path, reduce_range=self.reduced, exclude=exclude)

        raw = self._smoothed(self.graph, write, "raw graph", _ALPHAS)
        fused_path = self.folder / "fused.onnx"
        try:
            fuse(graph, fused_path, embeddings=False)
        except ForeignFailure:
            # A family that the optimizer stumbles over still has its raw graph.
            return self._leave_worst(raw)
        fused = self._smoothed(onnx.load(fused_path), write, "fused graph", (raw.alpha,))
        # A fused graph that is faster but clearly less faithful must not win.
        return self._leave_worst(
            fused if fused.seconds < 0.97 * raw.seconds and fused.error <= 1.1 * raw.error else raw
        )

    @cached_property
    def _reference(self) -> npt.NDArray[np.float32]:
        return _outputs(self.graph.SerializeToString(), self.calibration.choose)[0]

    @property
    def _tolerated(self) -> float:
        # Half of what is allowed: the other half is for what few calibration rows do not show.
        return 0.5 * (1.0 - self.min_agreement)

    def _static_writer(self, ranges: Ranges | None) -> _Write:
        def write(candidate: Any, path: Path, exclude: Sequence[str]) -> None:
            feeds = self.calibration.fit
            quantize_static(candidate, path, feeds, reduce_range=self.reduced, exclude=exclude, ranges=ranges)

        return write

    def _try(self, model: Any, write: _Write, path: Path, note: str, alpha: float | None) -> Trial:
        write(model, path, ())
        quantize_embeddings_of(path)
        outputs, seconds = _outputs(str(path), self.calibration.choose)
        error = float(np.sqrt(np.mean(np.square(outputs - self._reference))))
        return Trial(model, write, outputs, error, seconds, path, note, alpha)

    def _smoothed(self, model: Any, write: _Write, kind: str, alphas: Sequence[float | None]) -> Trial:
        """Quantize with each strength of smoothing; return the one with the smallest error of the logits."""
        maxima = channel_maxima(model, self.calibration.fit)
        trials = []
        for alpha in alphas:
            candidate = copy_model(model)
            if alpha is not None:
                smooth(candidate, maxima, alpha)
            smoothing = "no smoothing" if alpha is None else f"SmoothQuant {alpha}"
            path = self.folder / f"trial-{kind.split()[0]}-{alpha}.onnx"
            trials.append(self._try(candidate, write, path, f"{kind}, {smoothing}", alpha))
        return min(trials, key=lambda trial: trial.error)

    def _clip(self, best: Trial) -> Trial:
        """Where too many answers would change, try ranges without the activations' most extreme values."""
        if expected_disagreement(self._reference, best.outputs) <= self._tolerated:
            return best
        trials = [replace(best, note=f"{best.note}, full ranges")]
        for share, ranges in zip(_CLIPPED, clipped_ranges(best.model, self.calibration.fit, _CLIPPED), strict=True):
            note = f"{best.note}, ranges of {100 * (1 - share):g} % of the values"
            path = self.folder / f"trial-clipped-{share}.onnx"
            trials.append(self._try(best.model, self._static_writer(ranges), path, note, best.alpha))
        return min(trials, key=lambda trial: trial.error)

    def _leave_worst(self, best: Trial) -> Trial:
        """Where too many answers would still change, quantize again with the worst products in float."""
        if expected_disagreement(self._reference, best.outputs) <= self._tolerated:
            return best
        path = self.folder / "trial-left.onnx"

        def run(exclude: Sequence[str]) -> npt.NDArray[np.float32]:
            best.write(best.model, path, exclude)
            return _outputs(str(path), self.calibration.choose)[0]

        groups = product_groups(best.model)
        left = worst_groups(groups, self._reference, run, target=self._tolerated, most=max(1, len(groups) // 3))
        best.write(best.model, path, left)
        quantize_embeddings_of(path)
        return replace(best, path=path, note=f"{best.note}, {len(left)} products left in float")


def _outputs(model: str | bytes, feeds: Feeds) -> tuple[npt.NDArray[np.float32], float]:
    """Logits [N, C] of feeds of one row each, and the median seconds of a run on one thread."""
    session = GraphSession(model)
    outputs, times = [], []
    for feed in feeds:
        start = time.perf_counter()
        outputs.append(session.run(["logits"], feed)[0])
        times.append(time.perf_counter() - start)
    return np.concatenate(outputs), float(np.median(times))

"""Prometheus metrics. With several workers each writes its own files and a scrape sums them up."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from ackd_deploy.serving.metrics_files import reserve_files

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
# More labels than this make more time series than a Prometheus server likes.
_MAX_LABELS = 200


class Metrics:
    """Everything that is counted. One for a process; implements batcher.Observer."""

    def __init__(self) -> None:
        reserve_files()
        self.registry = registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": registry, "namespace": "ackd"}
        self._requests = Counter("requests", "Requests answered.", ["route", "status"], **made)
        self._latency = Histogram(
            "request_seconds", "From the request's head to its answer.", ["route"], buckets=_SECONDS, **made
        )
        self._waited = Histogram("queue_seconds", "Time of a text in the queue.", buckets=_SECONDS, **made)
        self._run = Histogram("batch_seconds", "Time of one run of the model.", buckets=_SECONDS, **made)
        self._rows = Histogram("batch_rows", "Texts in one run of the model.", buckets=_ROWS, **made)
        self._tokens = Counter("tokens", "Tokens run through the model, without padding.", **made)
        self._padded = Counter("padded_tokens", "Tokens run through the model, padding included.", **made)
        self._truncated = Counter("truncated_texts", "Texts of which tokens were not read.", **made)
        self._predictions = Counter("predictions", "Texts by predicted label.", ["label"], **made)
        self._decisions = Counter("decisions", "Texts by decision, of models that abstain.", ["outcome"], **made)
        self._rejected = Counter("rejected", "Requests refused, by reason.", ["code"], **made)
        self._queue = Gauge("queue_rows", "Texts waiting now.", multiprocess_mode="livesum", **made)
        self._ready = Gauge("ready_workers", "Workers that are ready.", multiprocess_mode="livesum", **made)
        self._build = Gauge(
            "build_info",
            "1; the labels say what is being served.",
            ["model", "variant", "version", "runtime"],
            multiprocess_mode="livemax",
            **made,
        )
        self._label_names: frozenset[str] = frozenset()
        # labels() looks its child up under a lock; these are kept for the hot path.
        self._children: dict[tuple[str, ...], Any] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._child(self._requests, route, str(status)).inc()
        self._child(self._latency, route).observe(seconds)

    def rejected(self, code: str) -> None:
        """Count a refused request by the code of its problem."""
        self._child(self._rejected, code).inc()

    def prediction(self, label: str, truncated: bool, decision: str | None = None) -> None:
        """Count one text's prediction."""
        self._child(self._predictions, label if label in self._label_names else "other").inc()
        if truncated:
            self._truncated.inc()
        if decision is not None:
            self._child(self._decisions, decision).inc()

    def batch(self, rows: int, tokens: int, padded: int, seconds: float) -> None:
        """See batcher.Observer."""
        self._rows.observe(rows)
        self._run.observe(seconds)
        self._tokens.inc(tokens)
        self._padded.inc(padded)

    def waited(self, seconds: float) -> None:
        """See batcher.Observer."""
        self._waited.observe(seconds)

    def queued(self, rows: int) -> None:
        """See batcher.Observer."""
        self._queue.set(rows)

    def serving(self, *, model: str, variant: str, version: str, runtime: str, labels: Iterable[str]) -> None:
        """Note what is being served."""
        self._build.labels(model, variant, version, runtime).set(1)
        self._label_names = frozenset(list(labels)[:_MAX_LABELS])
        self._ready.set(1)

    def not_ready(self) -> None:
        """Note that this worker is not, or no longer, ready."""
        self._ready.set(0)

    def render(self) -> bytes:
        """Return all metrics of all workers in Prometheus' text format."""
        return generate_latest(self._of_all_workers())

    def totals(self) -> dict[str, float]:
        """Return each series by name, such as ackd_batch_rows_sum, summed over its labels and over the workers."""
        found: dict[str, float] = {}
        for metric in self._of_all_workers().collect():
            for sample in metric.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    def _of_all_workers(self) -> CollectorRegistry:
        folder = os.environ.get(_MULTIPROCESS)
        if folder is None:
            return self.registry
        _forget_the_dead(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        return registry

    def _child(self, metric: Any, *labels: str) -> Any:
        key = (metric._name, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child


def _forget_the_dead(folder: Path) -> None:
    """Drop the gauges of killed workers: their queue would seem to wait for ever. Their counters stay."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            mark_process_dead(int(pid), path=str(folder))  # type: ignore[no-untyped-call]

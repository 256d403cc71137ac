"""From an empty process to one that answers, and back: load, warm up, self-test, serve, drain."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from ackd_deploy.allocator import limit_arenas
from ackd_deploy.errors import AckdError, ArtifactError
from ackd_deploy.runtime import Classifier, Tokens, effective_cpus
from ackd_deploy.runtime.selftest import self_test
from ackd_deploy.serving.answers import Answer, model_run
from ackd_deploy.serving.batcher import Batcher
from ackd_deploy.serving.logs import log
from ackd_deploy.serving.metrics import Metrics
from ackd_deploy.serving.problems import Problem, try_later
from ackd_deploy.serving.settings import Settings
from ackd_deploy.serving.warm_up import warm_up
from ackd_deploy.version import __version__

__all__ = ["Lifecycle", "Phase"]

Phase = Literal["starting", "ready", "failed", "stopping"]
_DRAIN_SECONDS = 20.0
_RETRY_SECONDS = 5.0


class Lifecycle:
    """One worker's state. The model and the queue exist from ``ready`` on.

    Attributes:
        phase: where it stands; ``failed`` is final, and ``reason`` then says why, ``exit_code`` which kind it is.
    """

    def __init__(self, settings: Settings, artifact: Path, metrics: Metrics) -> None:
        self.settings = settings
        self.artifact = artifact
        self.metrics = metrics
        self.phase: Phase = "starting"
        self.reason = "the model is being loaded"
        self.exit_code = 0
        self.classifier: Classifier | None = None
        self.batcher: Batcher[Tokens, Answer] | None = None
        self.lanes, self.threads = settings.split(effective_cpus())
        self._model_thread = ThreadPoolExecutor(self.lanes, thread_name_prefix="model")
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load, without waiting for it: the health routes answer meanwhile."""
        limit_arenas()
        self.metrics.not_ready()
        self._loading = asyncio.create_task(self._load())

    async def stop(self) -> None:
        """Answer what was accepted, take nothing more, and free the model's thread."""
        if self.phase != "failed":
            self.phase, self.reason = "stopping", "the service is stopping"
        self.metrics.not_ready()
        if self._loading is not None and not self._loading.done():
            self._loading.cancel()
        if self.batcher is not None:
            await self.batcher.close(_DRAIN_SECONDS)
        self._model_thread.shutdown(wait=False, cancel_futures=True)
        log.info("stopped", extra={"fields": {"event": "stopped"}})

    def ready(self) -> tuple[Classifier, Batcher[Tokens, Answer]]:
        """Return the model and its queue.

        Raises:
            Problem: 503, with the reason why there is none.
        """
        if self.phase != "ready" or self.classifier is None or self.batcher is None:
            # For the launcher, which ends with the code that another command would.
            details = [{"exit_code": self.exit_code}] if self.phase == "failed" else None
            raise try_later(
                503, f"not_ready_{self.phase}", f"not ready: {self.reason}", _RETRY_SECONDS, details=details
            )
        return self.classifier, self.batcher

    def check_alive(self) -> None:
        """Raise a 503 Problem when one run of the model has taken so long that it must be stuck."""
        if self.batcher is not None and self.batcher.busy_for() > self.settings.stuck_seconds:
            raise Problem(
                503, "stuck", f"a run of the model has taken more than {self.settings.stuck_seconds:g} seconds"
            )

    async def _load(self) -> None:
        started = time.perf_counter()
        try:
            classifier, golden, run_tokens = await asyncio.get_running_loop().run_in_executor(
                self._model_thread, self._open
            )
        except AckdError as error:
            self._fail(error.message + (f" ({error.hint})" if error.hint else ""), error.exit_code)
            return
        except Exception as error:
            log.exception("the model could not be loaded")
            self._fail(
                f"{type(error).__name__} while loading the model; the log has the traceback", AckdError.exit_code
            )
            return
        settings, manifest = self.settings, classifier.manifest

        def run(rows: Sequence[Tokens]) -> Sequence[Answer]:
            return model_run(classifier, rows)

        self.classifier = classifier
        self.batcher = Batcher(
            run=run,
            length=lambda tokens: len(tokens.ids),
            executor=self._model_thread,
            lanes=self.lanes,
            observer=self.metrics,
            max_queue_rows=settings.max_queue_rows,
            # Rows that run one by one gain nothing from a larger batch; short turns leave the lanes free for others.
            max_batch_rows=min(4, settings.max_batch_rows)
            if classifier.variant.batch_sensitive
            else settings.max_batch_rows,
            max_batch_tokens=settings.max_batch_tokens,
            run_tokens=run_tokens,
            queue_seconds=settings.queue_seconds,
        )
        self.metrics.serving(
            model=manifest.name,
            variant=classifier.variant.name,
            version=__version__,
            runtime=classifier.provider,
            labels=manifest.labels,
        )
        _calm_collector()
        self.phase, self.reason = "ready", ""
        fields = {
            "event": "ready",
            "model": manifest.name,
            "variant": classifier.variant.name,
            "provider": classifier.provider,
            "lanes": self.lanes,
            "threads": classifier.threads,
            "golden": golden,
            "run_tokens": round(run_tokens, 1),
            "seconds": round(time.perf_counter() - started, 3),
        }
        log.info("ready", extra={"fields": fields})

    def _open(self) -> tuple[Classifier, int, float]:
        settings = self.settings
        classifier = Classifier.load(
            self.artifact,
            settings.provider,
            threads=self.threads,
            variant=settings.variant,
            strict=settings.strict,
        )
        golden = self_test(classifier)
        if not golden:
            missing = "the artifact has no golden samples: nothing shows that it answers as it should"
            if settings.strict:
                raise ArtifactError(missing)
            log.warning("%s", missing, extra={"fields": {"event": "no_self_test"}})
        run_tokens = warm_up(classifier, settings.max_batch_rows, settings.max_batch_tokens)
        return classifier, golden, run_tokens

    def _fail(self, reason: str, exit_code: int) -> None:
        self.phase, self.reason, self.exit_code = "failed", reason, exit_code
        log.error("not ready: %s", reason, extra={"fields": {"event": "failed"}})


def _calm_collector() -> None:
    """Keep Python's cyclic collector from walking everything that was loaded, at every few requests.

    Left alone its full collections grow into stalls of 60 to 250 ms (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)

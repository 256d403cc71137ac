"""From token ids through the queue to predictions; a text in windows takes a place in it for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.runtime import Classifier, Prediction, Tokens
from ackd_deploy.runtime.tokenizer import windows_by_row
from ackd_deploy.serving.batcher import Batcher
from ackd_deploy.tasks.long_texts import mean_by_row

__all__ = ["Answer", "model_run", "submit"]

# What the queue gives for an entry: a text's prediction, or the logits [C] of one of its windows.
Answer = Prediction | npt.NDArray[np.float32]


def reads_windows(classifier: Classifier) -> bool:
    """Return whether texts of this model may have several windows."""
    rule = classifier.manifest.long_texts
    return rule is not None and rule.mode == "windows"


def model_run(classifier: Classifier, rows: Sequence[Tokens]) -> Sequence[Answer]:
    """Run one batch of the queue; where texts have windows, they are decided when all of theirs have run."""
    logits = classifier.run(rows)
    return list(logits) if reads_windows(classifier) else classifier.predict(logits, rows)


def submit(
    classifier: Classifier, batcher: Batcher[Tokens, Answer], tokens: Sequence[Tokens]
) -> asyncio.Future[list[Prediction]]:
    """Queue texts, at once; see `Batcher.submit`, whose errors these are.

    Canceling the future frees the places of what has not started.
    """
    if not reads_windows(classifier):
        predictions: Any = batcher.submit(tokens)
        return predictions  # type: ignore[no-any-return]
    windows, counts = windows_by_row(tokens)
    work: Any = batcher.submit(windows)

    async def decided() -> list[Prediction]:
        return classifier.predict(mean_by_row(np.stack(await work), counts), tokens)

    task = asyncio.ensure_future(decided())
    # A task that is canceled before its first step never reaches what it waits for.
    task.add_done_callback(lambda _: work.cancel())
    return task

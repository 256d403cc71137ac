"""``POST /classify``, and the way from texts to predictions that other protocols share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ackd_deploy.errors import DataError
from ackd_deploy.runtime import Prediction, Tokens
from ackd_deploy.serving.answers import submit
from ackd_deploy.serving.batcher import Closed, Overdue, QueueFull
from ackd_deploy.serving.body import BodyReader
from ackd_deploy.serving.http import json_response
from ackd_deploy.serving.lifecycle import Lifecycle
from ackd_deploy.serving.limits import check_items
from ackd_deploy.serving.problems import Problem, try_later
from ackd_deploy.serving.schemas import ClassifyRequest, parse
from ackd_deploy.tasks.text import Text, parts

__all__ = ["Classify"]

# Tokenizing this many characters takes well under a millisecond; more would hold up the event loop.
_INLINE_CHARACTERS = 4000


class Classify:
    """The endpoint."""

    def __init__(self, lifecycle: Lifecycle, reader: BodyReader) -> None:
        self.lifecycle = lifecycle
        self.reader = reader
        self.settings = lifecycle.settings

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        self.admit()
        asked = parse(ClassifyRequest, await self.reader.read(request))
        started = time.perf_counter()
        items = asked.items()
        if self.settings.log_text:
            request.state.log_fields = {"texts": items}
        predictions = await self.predict(request, items, refuse_long=asked.truncate == "error")
        body = {
            "model": self.model_id(),
            "results": [self._result(prediction, asked) for prediction in predictions],
            "request_id": request.state.request_id,
            "milliseconds": round((time.perf_counter() - started) * 1000, 3),
        }
        return json_response(body)

    def admit(self) -> None:
        """Refuse at once where there is no model or no room.

        Under overload most requests end here: unread and unparsed they take little from those accepted.

        Raises:
            Problem: 503 or 429.
        """
        _, batcher = self.lifecycle.ready()
        try:
            batcher.check_room()
        except QueueFull as full:
            raise _busy(full) from None

    def model_id(self) -> str:
        """Return the model's name and variant, as answers give it."""
        classifier, _ = self.lifecycle.ready()
        return f"{classifier.manifest.name}/{classifier.variant.name}"

    async def predict(self, request: Request, items: Sequence[Text], *, refuse_long: bool) -> list[Prediction]:
        """Check, tokenize, queue and run; give up at once when the client hangs up.

        Raises:
            Problem: 413, 422, 429 or 503.
            ClientDisconnect: the client has gone.
        """
        classifier, batcher = self.lifecycle.ready()
        settings = self.settings
        check_items(
            items,
            max_items=settings.max_items,
            max_characters=settings.max_characters,
            text_pairs=classifier.manifest.text_pairs,
        )
        characters = sum(len(part) for item in items for part in parts(item))
        try:
            # Places first: an overloaded service is spared the tokenizing.
            with batcher.room(len(items)):
                if characters <= _INLINE_CHARACTERS:
                    tokens = classifier.tokenize(items)
                else:
                    tokens = await asyncio.to_thread(classifier.tokenize, items)
            if refuse_long:
                _refuse_long(tokens)
            _refuse_many(tokens, settings.max_queue_rows)
            # In the same turn of the event loop, so that nobody takes the places in between.
            predictions = await _unless_gone(request, submit(classifier, batcher, tokens))
        except DataError as error:
            raise Problem(422, "not_text", error.message) from error
        except QueueFull as full:
            raise _busy(full) from None
        except Overdue:
            message = f"no answer within {settings.queue_seconds:g} seconds: the service is overloaded"
            raise try_later(503, "overloaded", message, settings.queue_seconds) from None
        except Closed:
            raise try_later(503, "not_ready_stopping", "the service is stopping", 5) from None
        for prediction in predictions:
            self.lifecycle.metrics.prediction(prediction.label, prediction.truncated, prediction.decision)
        return predictions

    def _result(self, prediction: Prediction, asked: ClassifyRequest) -> dict[str, Any]:
        result: dict[str, Any] = {"label": prediction.label, "score": prediction.score}
        classifier, _ = self.lifecycle.ready()
        if classifier.manifest.task.several_labels:
            result["labels"] = list(prediction.labels)
        if prediction.decision is not None:
            result["decision"] = prediction.decision
        result["truncated"] = prediction.truncated
        result["num_tokens"] = prediction.num_tokens
        if asked.scores:
            result["scores"] = prediction.scores
        if asked.top_k is not None:
            ranked = sorted(prediction.scores.items(), key=lambda pair: -pair[1])[: asked.top_k]
            result["top_k"] = [{"label": label, "score": score} for label, score in ranked]
        return result


def _busy(full: QueueFull) -> Problem:
    return try_later(429, "queue_full", "the service has as much work as it takes; try again", full.retry_after)


def _refuse_long(tokens: Sequence[Tokens]) -> None:
    for index, row in enumerate(tokens):
        if row.truncated:
            message = f"text {index} has {row.num_tokens} tokens; the model reads {row.used_tokens}"
            raise Problem(422, "too_many_tokens", message)


def _refuse_many(tokens: Sequence[Tokens], places: int) -> None:
    """Refuse what the queue could not take even when it is empty."""
    windows = sum(1 + len(row.more) for row in tokens)
    if windows > max(places, len(tokens)):
        message = f"the texts are read in {windows} windows together; at most {places} are taken in one request"
        raise Problem(413, "too_many_windows", message)


async def _unless_gone(request: Request, work: asyncio.Future[list[Prediction]]) -> list[Prediction]:
    """Wait for the work or for the client to hang up, whichever comes first; then cancel the other."""
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ClientDisconnect
    finally:
        if not work.cancel() and not work.cancelled():
            work.exception()  # looked at, or asyncio logs that nobody did
        gone.cancel()


async def _disconnected(request: Request) -> None:
    # The body has been read: all that can still come is the end of the connection.
    while (await request.receive())["type"] != "http.disconnect":
        pass

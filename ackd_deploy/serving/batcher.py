"""The queue in front of the model: it runs whatever is waiting and never waits for more.

A lone request goes to the model at once. While the model is busy others gather, and the next batch takes
them together: batches grow by load alone, and no request waits for others that may not come.

Everything here runs on the event loop's thread; only the model's runs leave it, to a thread for each lane.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ackd_deploy.serving.batching import choose_batch

__all__ = ["Batcher", "Closed", "Observer", "Overdue", "QueueFull"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueueFull(Exception):
    """There is no room for these rows. ``retry_after`` is the estimated time, in seconds, until there is."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the queue is full")
        self.retry_after = retry_after


class Overdue(Exception):
    """The rows waited longer than allowed and were given up."""


class Closed(Exception):
    """The service is stopping and takes nothing more."""


class Observer(Protocol):
    """Told of what happens, for metrics."""

    def batch(self, rows: int, tokens: int, padded: int, seconds: float) -> None:
        """Note that a batch has run."""

    def waited(self, seconds: float) -> None:
        """Note how long a row waited for its run."""

    def queued(self, rows: int) -> None:
        """Note how many rows wait now."""


@dataclass(slots=True, eq=False)
class _Ticket(Generic[Result]):
    """One request's rows, answered together."""

    future: asyncio.Future[list[Result]]
    results: list[Result | None]
    missing: int


@dataclass(slots=True, eq=False)
class _Row(Generic[Item, Result]):
    item: Item
    length: int
    ticket: _Ticket[Result]
    index: int
    since: float


@dataclass(slots=True)
class Batcher(Generic[Item, Result]):
    """Bounded queue and batches over one model.

    Args:
        run: the model: items to results, in order; called in ``executor``.
        length: tokens of an item.
        executor: as many threads as lanes.
        lanes: batches that may run at the same time.
        run_tokens: see `choose_batch`.
    """

    run: Callable[[Sequence[Item]], Sequence[Result]]
    length: Callable[[Item], int]
    executor: Executor
    observer: Observer
    lanes: int = 1
    max_queue_rows: int = 1024
    max_batch_rows: int = 32
    max_batch_tokens: int = 4096
    run_tokens: float = 4.0
    queue_seconds: float = 10.0
    clock: Callable[[], float] = time.perf_counter

    _waiting: list[_Row[Item, Result]] = field(default_factory=list)
    _reserved: int = 0
    _in_flight_rows: int = 0
    # When each run under way began, by a number; infinity while it is still behind another one in the executor.
    _runs: dict[int, float] = field(default_factory=dict)
    _run_numbers: Iterator[int] = field(default_factory=itertools.count)
    _overdue: asyncio.TimerHandle | None = None
    _row_seconds: float = 0.002
    _closed: bool = False
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waiting(self) -> int:
        """Rows that wait."""
        return len(self._waiting)

    def busy_for(self) -> float:
        """Return for how many seconds the oldest of the runs under way has been running; 0 when none is."""
        return max(0.0, self.clock() - min(self._runs.values(), default=math.inf))

    @contextmanager
    def room(self, rows: int) -> Iterator[None]:
        """Hold places while these rows are being made, so that no more are made than the queue can take.

        Raises:
            QueueFull: there are not so many.
        """
        self.check_room(rows)
        self._reserved += rows
        try:
            yield
        finally:
            self._reserved -= rows

    def submit(self, items: Sequence[Item]) -> asyncio.Future[list[Result]]:
        """Queue items; the future gets all their results, in order.

        Canceling it frees the places of the rows that have not started.

        Raises:
            QueueFull, Closed: at once, as they say. The future gets Overdue, or whatever ``run`` raises.
        """
        if self._closed:
            raise Closed
        self.check_room(len(items))
        ticket: _Ticket[Result] = _Ticket(asyncio.get_running_loop().create_future(), [None] * len(items), len(items))
        if not items:
            ticket.future.set_result([])
        now = self.clock()
        self._waiting.extend(_Row(item, self.length(item), ticket, i, now) for i, item in enumerate(items))
        ticket.future.add_done_callback(lambda future: self._forget(ticket) if future.cancelled() else None)
        self._pump()
        return ticket.future

    def _forget(self, ticket: _Ticket[Result]) -> None:
        """What has not started would be work for nobody."""
        self._waiting = [row for row in self._waiting if row.ticket is not ticket]
        self.observer.queued(len(self._waiting))

    def check_room(self, rows: int = 1) -> None:
        """Raise QueueFull where the queue takes no so many rows more."""
        if len(self._waiting) + self._reserved + rows > self.max_queue_rows:
            raise QueueFull(self.estimated_wait())

    def estimated_wait(self) -> float:
        """Return the seconds until what is queued now has run, by the recent time of a row."""
        return (len(self._waiting) + self._in_flight_rows) * self._row_seconds / self.lanes

    async def close(self, seconds: float) -> None:
        """Take nothing more, and wait until what was accepted is answered, at most ``seconds``."""
        self._closed = True
        if self._runs or self._waiting:
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), seconds)
            except TimeoutError:
                self._fail({row.ticket for row in self._waiting}, Closed())
        if self._overdue is not None:
            self._overdue.cancel()

    def _pump(self) -> None:
        self._drop_overdue()
        # One batch more than there are lanes is handed over only when it is full already: it could not grow
        # by waiting, and a lane then starts it without a detour through the event loop.
        while self._waiting and (
            len(self._runs) < self.lanes
            or (len(self._runs) == self.lanes and len(self._waiting) >= self.max_batch_rows)
        ):
            self._dispatch()
        self.observer.queued(len(self._waiting))
        self._watch_oldest()

    def _drop_overdue(self) -> None:
        limit = self.clock() - self.queue_seconds
        if self._waiting and self._waiting[0].since < limit:
            self._fail({row.ticket for row in self._waiting if row.since < limit}, Overdue())

    def _watch_oldest(self) -> None:
        """See to it that rows are given up in time also when no run ends and nobody asks any more."""
        if self._waiting and self._overdue is None:
            left = self._waiting[0].since + self.queue_seconds - self.clock()
            self._overdue = asyncio.get_running_loop().call_later(max(0.0, left) + 0.001, self._give_up)

    def _give_up(self) -> None:
        self._overdue = None
        self._pump()

    def _dispatch(self) -> None:
        lengths = [row.length for row in self._waiting[: 4 * self.max_batch_rows]]
        chosen = choose_batch(lengths, self.max_batch_rows, self.max_batch_tokens, self.run_tokens)
        batch = [self._waiting[index] for index in chosen]
        if len(batch) == len(self._waiting):
            self._waiting = []
        else:
            gone = set(chosen)
            self._waiting = [row for index, row in enumerate(self._waiting) if index not in gone]
        now = self.clock()
        for row in batch:
            self.observer.waited(now - row.since)
        number = next(self._run_numbers)
        self._runs[number] = math.inf
        self._in_flight_rows += len(batch)
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self.executor, self._timed, number, [row.item for row in batch])
        running.add_done_callback(lambda future: self._finish(number, batch, future))

    def _timed(self, number: int, items: list[Item]) -> tuple[Sequence[Result | Exception], float]:
        self._runs[number] = start = self.clock()
        results: Sequence[Result | Exception]
        try:
            results = self.run(items)
        except Exception as error:
            # One row must not fail the others: each is tried again alone, and only the culprit's own error stays.
            results = [error] if len(items) == 1 else [self._alone(item) for item in items]
        return results, self.clock() - start

    def _alone(self, item: Item) -> Result | Exception:
        try:
            return self.run([item])[0]
        except Exception as error:
            return error

    def _finish(
        self,
        number: int,
        batch: list[_Row[Item, Result]],
        future: asyncio.Future[tuple[Sequence[Result | Exception], float]],
    ) -> None:
        del self._runs[number]
        self._in_flight_rows -= len(batch)
        results, seconds = future.result()
        for row, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                self._fail({row.ticket}, result)
            else:
                self._deliver(row, result)
        self._row_seconds += 0.1 * (seconds / len(batch) - self._row_seconds)
        longest = max(row.length for row in batch)
        self.observer.batch(len(batch), sum(row.length for row in batch), longest * len(batch), seconds)
        self._pump()
        if not self._runs and not self._waiting:
            self._idle.set()

    @staticmethod
    def _deliver(row: _Row[Item, Result], result: Result) -> None:
        ticket = row.ticket
        ticket.results[row.index] = result
        ticket.missing -= 1
        if not ticket.missing and not ticket.future.done():
            ticket.future.set_result(ticket.results)  # type: ignore[arg-type]  # none is None any more

    def _fail(self, tickets: set[_Ticket[Result]], error: BaseException) -> None:
        self._waiting = [row for row in self._waiting if row.ticket not in tickets]
        for ticket in tickets:
            if not ticket.future.done():
                ticket.future.set_exception(error)

"""ackd_deploy/serving/batcher.py, with a model that is a plain function and a clock that stands where it is put."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ackd_deploy.serving.batcher import Batcher, Closed, Overdue, QueueFull


class Counts:
    def __init__(self) -> None:
        self.batches: list[int] = []
        self.depth = 0

    def batch(self, rows: int, tokens: int, padded: int, seconds: float) -> None:
        self.batches.append(rows)

    def waited(self, seconds: float) -> None:
        assert seconds >= 0

    def queued(self, rows: int) -> None:
        self.depth = rows


class Gate:
    """A model that doubles numbers, each run only after it was let through."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.tickets = threading.Semaphore(0)

    def __call__(self, items: Sequence[int]) -> list[int]:
        assert self.tickets.acquire(timeout=10)
        self.seen.append(list(items))
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]

    def open(self, runs: int = 1) -> None:
        for _ in range(runs):
            self.tickets.release()


class Turnstile:
    """A model that doubles numbers, each run only after its first item was called."""

    def __init__(self) -> None:
        self.waiting: dict[int, threading.Event] = {}

    def __call__(self, items: Sequence[int]) -> list[int]:
        called = self.waiting.setdefault(items[0], threading.Event())
        assert called.wait(timeout=10)
        return [2 * item for item in items]

    def pass_through(self, item: int) -> None:
        self.waiting[item].set()

    def open(self, runs: int = 1) -> None:
        for event in self.waiting.values():
            event.set()


def play(
    scene: Callable[[Batcher[int, int], Gate, Counts], Awaitable[None]],
    *,
    threads: int = 1,
    gate: Any = None,
    **options: Any,
) -> None:
    gate, counts = gate or Gate(), Counts()

    async def main(pool: ThreadPoolExecutor) -> None:
        batcher: Batcher[int, int] = Batcher(run=gate, length=lambda item: 5, executor=pool, observer=counts, **options)
        await scene(batcher, gate, counts)

    with ThreadPoolExecutor(threads) as pool:
        try:
            asyncio.run(main(pool))
        finally:
            gate.open(1000)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def test_a_lone_request_goes_at_once_and_the_rest_go_together():
    async def scene(batcher, gate, counts):
        first = batcher.submit([1])
        await until(lambda: batcher.waiting == 0 and batcher.busy_for() > 0)
        others = [batcher.submit([n]) for n in (2, 3, 4)]
        await until(lambda: batcher.waiting == 3)
        gate.open(2)
        assert await first == [2]
        assert [await other for other in others] == [[4], [6], [8]]
        assert gate.seen == [[1], [2, 3, 4]]
        assert counts.batches == [1, 3]
        assert counts.depth == 0

    play(scene)


def test_a_long_list_is_cut_and_answered_in_order():
    async def scene(batcher, gate, counts):
        gate.open(10)
        assert await batcher.submit(list(range(100, 170))) == [2 * n for n in range(100, 170)]
        assert sum(counts.batches) == 70
        assert max(counts.batches) <= 32

    play(scene)


def test_a_full_batch_is_handed_over_while_the_first_still_runs():
    async def scene(batcher, gate, counts):
        task = batcher.submit(list(range(20, 90)))
        # 70 rows: 32 in the model, 32 behind them in its thread, 6 left to grow.
        await until(lambda: batcher.waiting == 6)
        gate.open(3)
        assert len(await task) == 70
        assert counts.batches == [32, 32, 6]

    play(scene)


def test_no_room_is_said_at_once():
    async def scene(batcher, gate, counts):
        running = batcher.submit([1])
        await until(lambda: batcher.busy_for() > 0)
        waiting = batcher.submit([2, 3, 4])
        await until(lambda: batcher.waiting == 3)
        with pytest.raises(QueueFull) as caught:
            await batcher.submit([5, 6])
        assert caught.value.retry_after > 0
        gate.open(2)
        assert await running == [2]
        assert await waiting == [4, 6, 8]

    play(scene, max_queue_rows=4)


def test_who_hangs_up_frees_his_places():
    async def scene(batcher, gate, counts):
        running = batcher.submit([1])
        await until(lambda: batcher.busy_for() > 0)
        gone = batcher.submit([2, 3, 4])
        await until(lambda: batcher.waiting == 3)
        gone.cancel()
        await until(lambda: batcher.waiting == 0)
        assert counts.depth == 0
        stays = batcher.submit([5, 6, 7, 8])
        gate.open(2)
        assert await running == [2]
        assert await stays == [10, 12, 14, 16]
        assert [2, 3, 4] not in gate.seen

    play(scene, max_queue_rows=4)


def test_one_bad_row_fails_its_own_request_alone():
    async def scene(batcher, gate, counts):
        first = batcher.submit([1])
        await until(lambda: batcher.busy_for() > 0)
        bad = batcher.submit([12, 13])
        good = batcher.submit([14, 15])
        await until(lambda: batcher.waiting == 4)
        gate.open(10)
        assert await first == [2]
        assert await good == [28, 30]
        with pytest.raises(ValueError, match="thirteen"):
            await bad

    play(scene)


def test_who_waited_too_long_is_given_up():
    now = [0.0]

    async def scene(batcher, gate, counts):
        first = batcher.submit([1])
        await asyncio.sleep(0)
        late = batcher.submit([2])
        await until(lambda: batcher.waiting == 1)
        now[0] = 5.1
        fresh = batcher.submit([3])
        with pytest.raises(Overdue):
            await late
        gate.open(2)
        assert await first == [2]
        assert await fresh == [6]

    play(scene, queue_seconds=5.0, clock=lambda: now[0])


def test_who_waited_too_long_is_given_up_also_when_nothing_else_happens():
    async def scene(batcher, gate, counts):
        stuck = batcher.submit([1])
        await until(lambda: batcher.busy_for() > 0)
        async with asyncio.timeout(5):
            with pytest.raises(Overdue):
                await batcher.submit([2])
            with pytest.raises(Overdue):
                await batcher.submit([3])
        assert counts.depth == 0
        gate.open()
        assert await stuck == [2]

    play(scene, queue_seconds=0.05)


def test_a_stuck_run_shows_while_another_lane_goes_on():
    now = [0.0]

    async def scene(batcher, gate, counts):
        stuck = batcher.submit([1])
        await until(lambda: len(gate.waiting) == 1)
        now[0] = 7.0
        other = batcher.submit([2])
        await until(lambda: len(gate.waiting) == 2)
        gate.pass_through(2)
        assert await other == [4]
        now[0] = 9.0
        assert batcher.busy_for() == 9.0
        gate.pass_through(1)
        assert await stuck == [2]
        assert batcher.busy_for() == 0.0

    play(scene, threads=2, lanes=2, clock=lambda: now[0], gate=Turnstile())


def test_a_run_that_waits_for_its_lane_is_not_stuck():
    now = [0.0]

    async def scene(batcher, gate, counts):
        task = batcher.submit(list(range(20, 84)))
        await until(lambda: len(gate.waiting) == 1 and batcher.waiting == 0)
        # The second batch of 32 is in the thread's queue; the first has taken 30 seconds.
        now[0] = 30.0
        gate.pass_through(20)
        await until(lambda: len(gate.waiting) == 2)
        now[0] = 35.0
        assert batcher.busy_for() == 5.0
        gate.open()
        assert len(await task) == 64

    play(scene, clock=lambda: now[0], gate=Turnstile(), queue_seconds=3600)


def test_nothing_asked_nothing_answered():
    async def scene(batcher, gate, counts):
        assert await batcher.submit([]) == []

    play(scene)


def test_places_are_held_for_rows_that_are_being_made():
    async def scene(batcher, gate, counts):
        with batcher.room(3):
            with pytest.raises(QueueFull), batcher.room(2):
                pass
            with pytest.raises(QueueFull):
                await batcher.submit([1, 2])
            gate.open()
            assert await batcher.submit([1]) == [2]
        gate.open()
        assert await batcher.submit([1, 2, 3, 4]) == [2, 4, 6, 8]

    play(scene, max_queue_rows=4)


def test_closing_answers_what_was_accepted_and_takes_nothing_more():
    async def scene(batcher, gate, counts):
        first = batcher.submit([1])
        await until(lambda: batcher.busy_for() > 0)
        second = batcher.submit([2])
        await until(lambda: batcher.waiting == 1)
        closing = asyncio.create_task(batcher.close(10))
        await asyncio.sleep(0)
        with pytest.raises(Closed):
            await batcher.submit([3])
        gate.open(2)
        await closing
        assert (await first, await second) == ([2], [4])

    play(scene)


def test_closing_gives_up_at_its_deadline():
    async def scene(batcher, gate, counts):
        first = batcher.submit([1])
        await until(lambda: batcher.busy_for() > 0)
        second = batcher.submit([2])
        await until(lambda: batcher.waiting == 1)
        await batcher.close(0.01)
        with pytest.raises(Closed):
            await second
        gate.open()
        assert await first == [2]

    play(scene)

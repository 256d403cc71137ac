"""One piece of work in several threads at a time, and what went wrong in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable


def problems_in_threads(count: int, work: Callable[[int], Iterable[object]]) -> list[object]:
    """Run ``work(index)`` in ``count`` threads; return all that it yields and all exceptions: both are problems."""
    problems: list[object] = []

    def run(index: int) -> None:
        try:
            problems.extend(work(index))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems

"""Parts written by Ray: the same function as in processes of our own, in actors on one machine or many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ackd_deploy.bulk.job import Part
from ackd_deploy.bulk.workers import Work, Write
from ackd_deploy.errors import AckdError, EnvironmentProblem, first_line
from ackd_deploy.extras import need

__all__ = ["written_by_ray"]


class _Actor:
    """Loads what it needs once, and writes one part a call; an error of ours is handed back, for the first process."""

    def __init__(self, make: Callable[[], Write]) -> None:
        self._make = make
        self._write: Write | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        (index,), (content,) = batch["index"].tolist(), batch["content"]
        try:
            self._write = self._write or self._make()
            answer: Part | AckdError = self._write(index, content)
        except AckdError as error:
            answer = error
        return {"answer": [answer]}


def written_by_ray(
    make: Callable[[], Write], work: Iterable[Work], workers: int, *, cpus: float = 1.0
) -> Iterator[Part]:
    """Yield the record of each part as it is done, in any order.

    Ray starts an actor that dies anew and gives its part to another one, so that each part is written, and by the same
    function: twice at most, with the same content. RAY_ADDRESS names a cluster; without it Ray runs on this machine.

    Args:
        make: called once in each actor; can be pickled.
        work: number of each part, and what it is made of.
        workers: number of actors.
        cpus: processors that Ray reserves for each.

    Raises:
        MissingExtra: Ray is not installed.
        EnvironmentProblem: Ray gave up.
        AckdError: what an actor raised.
    """
    need("ray")
    import ray
    import ray.data

    rows = [{"index": index, "content": content} for index, content in work]
    if not rows:
        return
    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        # One row a block is one call of an actor, which is what is done again where an actor dies.
        parts = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            fn_constructor_args=(make,),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=cpus,
        )
        for row in parts.iter_rows():
            if isinstance(row["answer"], AckdError):
                raise row["answer"]
            yield row["answer"]
    except ray.exceptions.RayError as error:
        raise EnvironmentProblem(
            f"Ray gave up: {first_line(error)}", hint="what is written so far is kept, and the same command goes on"
        ) from error
    finally:
        if started:
            ray.shutdown()

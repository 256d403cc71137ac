"""Parts written by Ray: the same function as in processes of our own, in actors on one machine or many."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ackd_deploy import errors
from ackd_deploy.bulk.job import Part
from ackd_deploy.bulk.workers import Work, Write
from ackd_deploy.errors import AckdError, EnvironmentProblem, first_line
from ackd_deploy.extras import need

__all__ = ["written_by_ray"]


class _Actor:
    """Loads what it needs once, and writes one part a call; an error of ours is handed back, for the first process."""

    def __init__(self, make: Callable[[], Write], work: dict[int, Any]) -> None:
        self._make = make
        self._work = work
        self._write: Write | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        (index,) = batch["id"].tolist()
        try:
            self._write = self._write or self._make()
            answer: dict[str, Any] = {"part": self._write(index, self._work[index]).model_dump(mode="json")}
        except AckdError as error:
            answer = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        # As text: Ray would pickle what Arrow has no type for.
        return {"answer": [json.dumps(answer)]}


def written_by_ray(
    make: Callable[[], Write], work: Iterable[Work], workers: int, *, cpus: float = 1.0
) -> Iterator[Part]:
    """Yield the record of each part as it is done, in any order.

    Where an actor dies Ray starts it anew and has its part written again, by the same function and with the same
    content. RAY_ADDRESS names a cluster; without it Ray runs on this machine.

    Args:
        make: called once in each actor; can be pickled.
        work: number of each part, and what it is made of; can be pickled.
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

    todo = dict(work)
    if not todo:
        return
    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        # One number a block is one call of an actor, which is what is done again where the actor dies.
        parts = ray.data.from_items([{"id": index} for index in todo], override_num_blocks=len(todo)).map_batches(
            _Actor,
            fn_constructor_args=(make, todo),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=cpus,
        )
        for row in parts.iter_rows():
            yield _part(json.loads(row["answer"]))
    except ray.exceptions.RayError as error:
        raise EnvironmentProblem(
            f"Ray gave up: {first_line(error)}", hint="what is written so far is kept, and the same command goes on"
        ) from error
    finally:
        if started:
            ray.shutdown()


def _part(answer: dict[str, Any]) -> Part:
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"], hint=answer["hint"])
    return Part.model_validate(answer["part"])

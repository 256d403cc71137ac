"""The parity gate: does the graph compute what the network in PyTorch computes, at every shape?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ackd_deploy.check.gates import GateResult, at_most
from ackd_deploy.errors import first_line
from ackd_deploy.runtime import EngineSession
from ackd_deploy.runtime.tokenizer import Tokens, pad, windows_by_row
from ackd_deploy.tasks.long_texts import mean_by_row

__all__ = ["parity_gate", "spread_by_length"]


def spread_by_length(lengths: Sequence[int], count: int) -> list[int]:
    """Return ``count`` row numbers spread evenly over the sorted lengths, shortest and longest among them."""
    order = sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    if count >= len(order):
        return order
    places = np.linspace(0, len(order) - 1, max(count, 1)).round().astype(int)
    return [order[place] for place in places]


def parity_gate(
    variant: str,
    session: EngineSession,
    tokens: Sequence[Tokens],
    reference: npt.NDArray[np.floating],
    bound: float,
    *,
    inputs: Sequence[str],
    pad_id: int,
    max_batch: int,
) -> GateResult:
    """Run rows alone, by 3, by ``max_batch`` and padded to the longest; the figure is the largest |difference|.

    Args:
        variant: its name.
        session: the graph under its engine.
        tokens: [N] rows.
        reference: [N, C] logits of the same rows in PyTorch.
        bound: largest absolute difference allowed.
        inputs: names of the graph's inputs.
        pad_id: id of the padding token.
        max_batch: rows of the largest batch.
    """
    worst, where, n = 0.0, "", len(tokens)
    for shape, rows in _layouts(tokens, max_batch):
        windows, counts = windows_by_row([tokens[row] for row in rows])
        feed = pad(windows, pad_id, inputs)
        try:
            found = session.run(feed)
        except Exception as error:  # the engines' exceptions share no base class but Exception
            message = first_line(error, 160)
            return GateResult("parity", variant, "fail", float("inf"), bound, n, None, f"{shape}: {message}")
        expected = reference[list(rows)]
        wanted = (len(windows), *expected.shape[1:])
        if found.shape != wanted:
            detail = f"{shape}: logits of shape {list(found.shape)} instead of {list(wanted)}"
            return GateResult("parity", variant, "fail", float("inf"), bound, n, None, detail)
        difference = float(np.abs(mean_by_row(found, counts) - expected).max())
        if not difference <= worst:  # written so that NaN counts as worst
            worst, where = difference, shape
            if np.isnan(difference):
                break
    return at_most("parity", variant, worst, bound, n=n, detail=f"largest at {where}" if where else "")


def _layouts(tokens: Sequence[Tokens], max_batch: int) -> Iterator[tuple[str, list[int]]]:
    lengths = [len(row.ids) for row in tokens]
    for size in sorted({1, 3, max_batch}):
        for start in range(0, len(tokens), size):
            rows = list(range(start, min(start + size, len(tokens))))
            longest = max(lengths[row] for row in rows)
            yield f"batch {len(rows)}, {longest} tokens", rows
    # Every short row once more, beside the longest of all: the mask must hide what padding adds.
    longest_row = int(np.argmax(lengths))
    others = [row for row in range(len(tokens)) if row != longest_row]
    for start in range(0, len(others), max(1, max_batch - 1)):
        rows = [*others[start : start + max(1, max_batch - 1)], longest_row]
        yield f"batch {len(rows)}, padded to {lengths[longest_row]}", rows

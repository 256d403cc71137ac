"""Which teacher layer each student layer learns from: the layer map g."""

from __future__ import annotations

from collections.abc import Sequence

from ackd_deploy.errors import UsageError

__all__ = ["STRATEGIES", "layer_map"]

STRATEGIES = ("uniform", "last", "first", "skip")


def layer_map(strategy: str | Sequence[int], student_layers: int, teacher_layers: int) -> tuple[int, ...]:
    """Return g(1), …, g(M): for each student layer, the teacher layer that it learns from, counted from 1.

    With M student layers and L teacher layers:

    - ``uniform``: g(m) = ceil(m·L/M), evenly spaced and ending with the last layer (TinyBERT, MiniLM).
    - ``skip``: g(m) = ceil(m·(L−1)/M), evenly spaced and without the last layer. For 6 of 12 and 3 of 12 it gives
      2, 4, 6, 8, 10 and 4, 8 for the inner layers, as PKD's code does, and the last but one for the top layer, which
      PKD leaves to the logits.
    - ``last``: the last M layers. ``first``: the first M.
    - a sequence of M layers, in any order and with repeats where wanted.

    Args:
        strategy: a name or an explicit map.
        student_layers: M, at least 1.
        teacher_layers: L, at least 1.

    Raises:
        UsageError: for an unknown name, a map of another length than M, a layer that the teacher lacks, or a named
            strategy for a student with more layers than there are to choose from.
    """
    if student_layers < 1 or teacher_layers < 1:
        raise UsageError(f"a layer map needs at least one layer a side, not {student_layers} and {teacher_layers}")
    if not isinstance(strategy, str):
        return _explicit(tuple(strategy), student_layers, teacher_layers)
    if strategy not in STRATEGIES:
        raise UsageError(
            f"unknown layer map {strategy!r}",
            hint=f"use one of {', '.join(STRATEGIES)}, or a list of {student_layers} teacher layers",
        )
    usable = teacher_layers - 1 if strategy == "skip" else teacher_layers
    if student_layers > usable:
        without = " without its last one" if strategy == "skip" else ""
        raise UsageError(
            f"layer map {strategy!r} cannot choose {student_layers} of the teacher's {usable} layers{without}",
            hint="use fewer student layers, or an explicit list, which may repeat a layer",
        )
    student = range(1, student_layers + 1)
    if strategy == "first":
        return tuple(student)
    if strategy == "last":
        return tuple(teacher_layers - student_layers + m for m in student)
    return tuple(-(-m * usable // student_layers) for m in student)


def _explicit(layers: tuple[int, ...], student_layers: int, teacher_layers: int) -> tuple[int, ...]:
    if len(layers) != student_layers:
        raise UsageError(
            f"the layer map names {len(layers)} teacher layers for {student_layers} student layers",
            hint="name one teacher layer, counted from 1, for each student layer",
        )
    missing = [layer for layer in layers if not 1 <= layer <= teacher_layers]
    if missing:
        raise UsageError(
            f"the layer map names layer {', '.join(map(str, missing))}, which the teacher lacks",
            hint=f"the teacher has layers 1 to {teacher_layers}",
        )
    return layers

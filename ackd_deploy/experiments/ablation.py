"""``ablate``: several methods over several seeds, from the same start, on the same rows in the same order."""

from __future__ import annotations

from typing import get_args

from safetensors.numpy import load_file

from ackd_deploy.distill.pipeline import opened_context, prepare, unfinished
from ackd_deploy.distill.stages import train_student
from ackd_deploy.errors import UsageError
from ackd_deploy.experiments.comparison import Series
from ackd_deploy.recipe.schema import check_methods_without_teacher
from ackd_deploy.recipe.sections import Method
from ackd_deploy.run import Run, student_stage

__all__ = ["ablate_run", "check_methods", "read_series"]


def check_methods(methods: list[str]) -> list[str]:
    """Return the methods without duplicates, in their order.

    Raises:
        UsageError: no method is given, or one does not exist.
    """
    known = get_args(Method)
    unknown = [method for method in methods if method not in known]
    if unknown or not methods:
        raise UsageError(
            f"there is no method {', '.join(map(repr, unknown)) or 'given'}", hint=f"use {', '.join(known)}"
        )
    return list(dict.fromkeys(methods))


def ablate_run(run: Run, methods: list[str], seeds: int, *, device: str = "auto") -> dict[str, list[Series]]:
    """Train each method with each of the seeds ``recipe.seed``, ``recipe.seed + 1``, … and return their results.

    Teacher and bank are made once. For one seed all methods share the student's start, the order of the rows,
    dropout and the budget. Every training is a stage of its own: the same call again trains only what is missing,
    and more methods or seeds may be asked for later. Weights are not kept, predictions are.

    Args:
        run: opened with the recipe, and locked by the caller.
        methods: from `check_methods`.
        seeds: how many.
        device: as in `distill_run`.

    Returns:
        The methods' series on the ``validation`` rows, and on the ``test`` rows where the recipe names any.
    """
    if run.recipe.distill.method == "none":
        raise UsageError(
            "the recipe's distill.method is 'none': it trains no student to compare", hint="--set distill.method=ackd"
        )
    if run.recipe.answers_given:
        try:
            check_methods_without_teacher(methods)
        except ValueError as error:
            raise UsageError(str(error), hint="--methods kd,finetune") from error
    wanted = [(method, run.recipe.seed + offset) for offset in range(seeds) for method in methods]
    with opened_context(run, device) as context:
        todo = unfinished(context, {student_stage(method, seed): None for method, seed in wanted})
        if todo:
            # The bank serves all methods, so that further ones can be trained later.
            teacher, bank = prepare(context, list(get_args(Method)), todo)
            for method, seed in wanted:
                stage = student_stage(method, seed)
                if stage in todo:
                    train_student(context, method, teacher, bank, stage=stage, folder=None, seed=seed)
    held_out = ("validation", "test") if run.recipe.data.test is not None else ("validation",)
    numbers = list(range(run.recipe.seed, run.recipe.seed + seeds))
    return {name: [read_series(run, method, numbers, held_out=name) for method in methods] for name in held_out}


def read_series(run: Run, method: str, seeds: list[int], *, held_out: str = "validation") -> Series:
    """Return the results of one method's trainings, the stages ``student-METHOD-seedN``.

    Args:
        run: with these stages done.
        method: its name in the stages.
        seeds: of its trainings.
        held_out: on the ``validation`` or the ``test`` rows.
    """
    prefix = "" if held_out == "validation" else f"{held_out}_"
    stages = [student_stage(method, seed) for seed in seeds]
    saved = [load_file(run.predictions(stage)) for stage in stages]
    records = [run.record(stage) for stage in stages]
    return Series(
        method=method,
        seeds=seeds,
        metrics=[record.held_out(held_out)[0] for record in records],
        logits=[entry[f"{prefix}logits"] for entry in saved],
        labels=saved[0][f"{prefix}labels"],
        seconds=[record.training.seconds if record.training else 0.0 for record in records],
    )

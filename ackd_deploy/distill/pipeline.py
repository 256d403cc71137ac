"""``distill``: from a run's recipe to its teacher, its baselines and its student."""

from __future__ import annotations

from pathlib import Path

from ackd_deploy.distill.context import Context
from ackd_deploy.distill.device import resolve_device, resolve_precision
from ackd_deploy.distill.stages import bank_stage, stage_is_whole, student_stage, teacher_stage
from ackd_deploy.distill.world import join_world
from ackd_deploy.run import Run

__all__ = ["distill_run", "student_folders"]


def student_folders(run: Run) -> dict[str, Path]:
    """Return method and folder of each student of a run: the baselines, and last the recipe's own method."""
    distill = run.recipe.distill
    baselines = [method for method in dict.fromkeys(distill.baselines) if method != distill.method]
    return {**{m: run.path("baselines", m) for m in baselines}, distill.method: run.path("student")}


def distill_run(run: Run, *, device: str = "auto") -> None:
    """Run the stages ``teacher``, ``bank`` and ``student-METHOD`` that aren't done yet.

    The caller holds the run's lock. Everything resumes: done stages are checked by checksum and left alone, a
    training goes on from its last checkpoint, a bank from its last part.

    Args:
        run: opened with its recipe.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        AckdError: one of its subclasses, for everything that a user can mend.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the same command goes on from there.
    """
    resolved = resolve_device(device)
    with join_world(resolved.type) as world:
        resolved = resolve_device(device, local_rank=world.local_rank)
        context = Context(run, resolved, resolve_precision(run.recipe.distill.precision, resolved), world)
        folders = student_folders(run)
        stages = {"teacher": run.path("teacher"), **{f"student-{m}": f for m, f in folders.items()}}
        todo = {stage for stage, folder in stages.items() if not stage_is_whole(context, stage, folder)}
        todo = set(world.share(sorted(todo)))
        if not todo:
            context.say(f"{run.folder} is distilled already")
            return
        context.check()
        if world.is_first:
            # Files that all processes read are written by one of them.
            _ = context.train, context.validation
        world.wait()
        context.say(f"training on {resolved}, {str(context.dtype).removeprefix('torch.')}")
        if "teacher" in todo:
            teacher_stage(context)
            # Students of an older teacher are worth nothing now.
            todo |= set(stages) - {"teacher"}
        methods = [method for method in folders if f"student-{method}" in todo]
        if not methods:
            return
        teacher = context.load_teacher()
        bank = bank_stage(context, list(folders), teacher)
        teacher.to("cpu")
        for method in methods:
            student_stage(
                context,
                method,
                teacher,
                bank,
                stage=f"student-{method}",
                folder=folders[method],
                seed=run.recipe.seed,
            )

"""``distill``: from a run's recipe to its teacher, its baselines and its student."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ackd_deploy.allocator import keep_freed_memory
from ackd_deploy.distill.context import Context
from ackd_deploy.distill.methods import loss_weights
from ackd_deploy.distill.objective import Answers
from ackd_deploy.distill.quality import judge, record_baselines
from ackd_deploy.distill.stages import fill_bank, make_teacher, soft_answers, stage_is_whole, train_student
from ackd_deploy.distill.tell_data import tell_data
from ackd_deploy.run import TEACHER, Run, Stage, student_stage
from ackd_deploy.run.records import ModelRecord
from ackd_deploy.run.stages import parse_stage
from ackd_deploy.training.device import resolve_device, resolve_precision
from ackd_deploy.training.process_group import join_process_group

__all__ = ["distill_run", "opened_context", "prepare", "student_folders", "unfinished"]


def student_folders(run: Run) -> dict[str, Path]:
    """Return method and folder of each student of a run: the baselines, and last the recipe's own method.

    With method ``none`` there are no students.
    """
    distill = run.recipe.distill
    if distill.method == "none":
        return {}
    baselines = [method for method in dict.fromkeys(distill.baselines) if method != distill.method]
    return {**{m: run.path("baselines", m) for m in baselines}, distill.method: run.path("student")}


def distill_run(run: Run, *, device: str = "auto") -> None:
    """Run the stages ``teacher``, ``bank`` and ``student-METHOD`` that are not done yet.

    The caller holds the run's lock. Everything resumes: finished stages are checked by checksum and kept, a
    training continues from its last checkpoint, a bank from its last chunk.

    Args:
        run: opened with its recipe.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        GateFailed: teacher or student is no better than chance, or misses another bound on its quality. All stages
            that ended stay done.
        AckdError: other subclasses, for everything that a user can correct.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the same command continues from there.
    """
    with opened_context(run, device) as context:
        folders = student_folders(run)
        todo = unfinished(context, {student_stage(method): folder for method, folder in folders.items()})
        if not todo:
            already = "already holds this classifier" if run.recipe.existing else "is already distilled"
            context.log(f"{run.folder} {already}")
            record_baselines(context)
            # Soft labels in place of a teacher leave no stage of one; with method none, it is all there is.
            for stage in dict.fromkeys((TEACHER, run.student)):
                if run.is_done(stage):
                    judge(context, stage)
            return
        teacher, bank = prepare(context, list(folders), todo)
        for method, folder in folders.items():
            stage = student_stage(method)
            if stage in todo:
                train_student(context, method, teacher, bank, stage=stage, folder=folder, seed=run.recipe.seed)
            # Another method that learned nothing is a line of the table; the run's own is what it was for.
            judge(context, stage, refuse=stage == run.student)


@contextmanager
def opened_context(run: Run, device: str) -> Iterator[Context]:
    """Join the processes that train together, and choose device and precision.

    Raises:
        DeviceUnavailable: there is no such device.
        RunMismatch: the data or a model has changed since the run was made.
    """
    resolved = resolve_device(device)
    if resolved.type == "cpu":
        keep_freed_memory()
    with join_process_group(resolved) as process_group:
        context = Context(run, resolved, resolve_precision(run.recipe.distill.precision, resolved), process_group)
        context.check_inputs()
        yield context


def unfinished(context: Context, students: Mapping[Stage[ModelRecord], Path | None]) -> set[Stage[ModelRecord]]:
    """Return the stages still to be run: the teacher's and those of ``students`` (stage to folder).

    Where the teacher has to be made again, all students are among them.
    """
    todo = {stage for stage, folder in students.items() if not stage_is_whole(context, stage, folder)}
    if not context.recipe.answers_given and not stage_is_whole(context, TEACHER, context.run.path("teacher")):
        todo = {TEACHER, *students}
    return set(map(parse_stage, context.process_group.broadcast(sorted(stage.name for stage in todo))))


def prepare(context: Context, methods: list[str], todo: Collection[Stage[ModelRecord]]) -> tuple[Any, Answers | None]:
    """Return the teacher, made now if it is among the stages ``todo``, and its answers for these methods.

    Where soft labels are the teacher, there is no model, and they are its answers.
    """
    context.check()
    if not context.recipe.existing:
        context.log(f"training on {context.device}, {str(context.dtype).removeprefix('torch.')}")
    if context.process_group.is_first:
        # The first process writes the files that all of them read.
        context.check_tokenizer()
        if not context.recipe.existing:
            context.check_balance()
        context.encode_all()
        tell_data(context)
    context.process_group.wait()
    record_baselines(context)
    if context.recipe.answers_given:
        return None, soft_answers(context)
    if TEACHER in todo:
        make_teacher(context)
    # A teacher at chance would only cost the student's training; the stage stays, for a recipe with other bounds.
    judge(context, TEACHER)
    teacher = context.load_teacher()
    if context.process_group.is_first and any(loss_weights(m, context.recipe.distill).needs_bank for m in methods):
        # After the verdict on the teacher: it may be long, where texts are augmented.
        context.encode_transfer()
    context.process_group.wait()
    bank = fill_bank(context, methods, teacher)
    return teacher.to("cpu"), bank

"""The stages of a distillation: teacher, bank, and a student for each method."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from ackd_deploy.check.accuracy import per_class_record
from ackd_deploy.console import step, warn
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.data.labels.soft import has_soft_label
from ackd_deploy.distill.bank import TeacherBank, bank_key, build_bank, open_bank
from ackd_deploy.distill.context import Context
from ackd_deploy.distill.methods import loss_weights, poolings
from ackd_deploy.distill.objective import Answers, DistillObjective, student_objective
from ackd_deploy.distill.sar.hardest import hardest_rows, likely_label_errors
from ackd_deploy.distill.soft_answers import SoftAnswers
from ackd_deploy.errors import DataError
from ackd_deploy.files import sha256_file, write_bytes
from ackd_deploy.models.classifiers import load_classifier, save_classifier
from ackd_deploy.models.fingerprint import model_files
from ackd_deploy.models.student import build_student, student_from_checkpoint
from ackd_deploy.recipe.sections import Optimization
from ackd_deploy.run import BANK, TEACHER, Stage
from ackd_deploy.run.records import BankRecord, ModelRecord, StudentRecord
from ackd_deploy.runtime.cpu import cpu_info
from ackd_deploy.tasks.intervals import metric_interval
from ackd_deploy.training.arguments import Persistence, Placement, Settings
from ackd_deploy.training.checkpoint import Checkpoints
from ackd_deploy.training.evaluate import predict_logits
from ackd_deploy.training.interrupt import interruption
from ackd_deploy.training.loop import Outcome, train
from ackd_deploy.training.metrics_log import MetricsLog
from ackd_deploy.training.schedule import derived_seed
from ackd_deploy.training.selection import SelectionRows
from ackd_deploy.version import __version__

__all__ = ["fill_bank", "make_teacher", "soft_answers", "stage_is_whole", "train_student"]


def stage_is_whole(context: Context, stage: Stage[ModelRecord], folder: Path | None) -> bool:
    """Tell whether a stage is done and its files are those it recorded; warns where they are damaged.

    Args:
        context: the distillation.
        stage: of a model.
        folder: of the model; None where its files weren't kept.
    """
    run = context.run
    if not run.is_done(stage):
        return False
    record = run.record(stage)
    expected: dict[Path, str] = {run.predictions(stage): record.predictions_sha256}
    if folder is not None:
        expected |= {folder / name: sha256 for name, sha256 in record.files.items()}
    for file, sha256 in expected.items():
        if not file.is_file() or sha256_file(file) != sha256:
            warn(f"{file} is missing or damaged: stage {stage} is run again")
            return False
    return True


def make_teacher(context: Context) -> None:
    """Fine-tune the teacher where the recipe says so, and put it into the run's folder."""
    run, recipe = context.run, context.recipe
    problem_type = recipe.data.problem_type
    head = None if context.keeps_head else derived_seed(recipe.seed, "teacher head")
    model = load_classifier(context.source, context.label_names, problem_type, new_head_seed=head)
    outcome: Outcome | None = None
    # An existing classifier was trained elsewhere: rows that were given for calibration are not its training rows.
    encoded = None if recipe.existing else context.encoded(context.train_rows, context.tokenizer)
    if recipe.teacher.finetune is not None and encoded is not None:
        objective = DistillObjective(
            loss_weights("finetune", recipe.distill),
            labels=encoded.labels,
            soft=encoded.soft,
            soft_label_weight=recipe.distill.soft_label_weight,
            problem_type=problem_type,
            kd_temperature=recipe.distill.kd_temperature,
            device=context.device,
            class_weights=context.class_weights,
        )
        outcome = _train(context, TEACHER, model, objective, encoded, recipe.teacher.finetune, seed=recipe.seed)
    _conclude(context, TEACHER, model, encoded, folder=run.path("teacher"), outcome=outcome)


def fill_bank(context: Context, methods: list[str], teacher: Any) -> TeacherBank | None:
    """Fill and check the bank for these methods; None where none of them looks at the teacher."""
    distill = context.recipe.distill
    if not any(loss_weights(method, distill).needs_bank for method in methods):
        data = context.recipe.data
        if unused := [f"data.{key}" for key in ("unlabeled", "augment") if getattr(data, key) is not None]:
            said = f"{' and '.join(unused)} {'are' if len(unused) > 1 else 'is'} not used"
            warn(f"none of the methods {', '.join(methods)} looks at the teacher: {said}")
        return None
    run, folder = context.run, context.run.path("bank")
    sha256 = sha256_file(run.path("teacher", "model.safetensors"))
    transfer = context.encoded(context.transfer_rows, context.tokenizer)
    key = bank_key(sha256, transfer, context.layers, poolings(methods, distill), context.dtype)
    if context.process_group.is_first:
        began, known = time.perf_counter(), run.is_done(BANK) and run.record(BANK).key == key
        if not known:
            run.start(BANK)
        with interruption() as stop:
            build_bank(teacher, transfer, folder, key, context.device, context.dtype, stop=stop)
        if not known:
            size = sum(file.stat().st_size for file in folder.glob("*.bin"))
            run.finish(BANK, BankRecord(key=key, size_bytes=size, seconds=time.perf_counter() - began))
    context.process_group.wait()
    return open_bank(folder, key, context.device)


def soft_answers(context: Context) -> SoftAnswers:
    """Return the soft labels of the training rows as a teacher's answers.

    Raises:
        DataError: no training row has any.
    """
    soft = context.train_rows.soft
    if soft is None or not has_soft_label(soft).any():
        raise DataError("no training row has soft labels, and there is no teacher.model to answer in their place")
    return SoftAnswers(soft, context.task, context.device)


def train_student(
    context: Context,
    method: str,
    teacher: Any,
    bank: Answers | None,
    *,
    stage: Stage[ModelRecord],
    folder: Path | None,
    seed: int,
) -> None:
    """Train one student by one method and record what came out.

    Students of all methods start from the same weights and see the same rows in the same order.

    Args:
        context: the distillation.
        method: as in the recipe.
        teacher: its classifier; None where soft labels are the teacher.
        bank: from `fill_bank`, or `soft_answers`.
        stage: that it is recorded as.
        folder: for the student's weights; None: only its predictions and figures are kept.
        seed: of this training.
    """
    recipe = context.recipe
    # A method without a teacher has nothing to learn from rows without labels.
    distills = loss_weights(method, recipe.distill).needs_bank
    rows = context.transfer_rows if distills else context.labeled_rows
    # The bank has one row a text: how many tokens the teacher made of it does not matter.
    encoded = context.encoded(rows, context.student_tokenizer)
    start = derived_seed(seed, "student")
    if teacher is None:
        model = student_from_checkpoint(recipe.student, context.label_names, rows.problem_type, seed=start)
    else:
        model = build_student(teacher, recipe.student, context.layers, seed=start)
    objective = student_objective(
        method,
        recipe.distill,
        labels=encoded.labels,
        # Where they are the teacher's answers they are no labels too.
        soft=None if recipe.answers_given else encoded.soft,
        problem_type=rows.problem_type,
        class_weights=context.class_weights,
        bank=bank if distills else None,
        student_width=model.config.hidden_size,
        layers=recipe.student.layers,
        seed=seed,
        device=context.device,
        process_group=context.process_group,
    )
    outcome = _train(context, stage, model, objective, encoded, recipe.distill, seed=seed)
    weighed = objective.hardest if bank is not None else None
    hardest, label_errors = None, None
    if weighed is not None and objective.weights.sar != "uniform" and isinstance(bank, TeacherBank):
        hardest, label_errors = hardest_rows(weighed, rows, bank), likely_label_errors(weighed, rows, bank)
    student = StudentRecord(
        method=method,
        seed=seed,
        layers=recipe.student.layers,
        layer_map=context.layers,
        init=recipe.student.init,
        sar=None if weighed is None else _sar_statistics(outcome),
        hardest=hardest,
        label_errors=label_errors,
    )
    _conclude(context, stage, model, encoded, folder=folder, outcome=outcome, student=student)


def _sar_statistics(outcome: Outcome) -> dict[str, float | None]:
    return {name.removeprefix("sar_"): value for name, value in outcome.last.items() if name.startswith("sar_")}


def _train(
    context: Context,
    stage: Stage[ModelRecord],
    model: Any,
    objective: DistillObjective,
    encoded: Encoded,
    optimization: Optimization,
    *,
    seed: int,
) -> Outcome:
    run, group = context.run, context.process_group
    if group.is_first:
        run.start(stage)
    settings = Settings(
        stage=stage.name,
        seed=seed,
        optimization=optimization,
        log_steps=context.recipe.distill.log_steps,
        checkpoint_steps=context.recipe.distill.checkpoint_steps,
    )
    placement = Placement(device=context.device, dtype=context.dtype, process_group=group)
    key = {"stage": stage.name, "data": encoded.fingerprint, "processes": group.size}
    checkpoints = Checkpoints(run.path("checkpoints", stage.name), key)
    with interruption() as stop:
        persistence = Persistence(checkpoints=checkpoints, metrics=MetricsLog(run, stage.name), stop=stop)
        return train(model, objective, encoded, settings, placement, persistence, _selection(context, stage))


def _tokenizer(context: Context, stage: Stage[ModelRecord]) -> Path:
    return context.tokenizer if stage == TEACHER else context.student_tokenizer


def _selection(context: Context, stage: Stage[ModelRecord]) -> SelectionRows | None:
    rows = context.selection_rows
    if rows is None:
        return None
    return SelectionRows(encoded=context.encoded(rows, _tokenizer(context, stage)), task=context.task)


def _conclude(
    context: Context,
    stage: Stage[ModelRecord],
    model: Any,
    encoded: Encoded | None,
    *,
    folder: Path | None,
    outcome: Outcome | None,
    student: StudentRecord | None = None,
) -> None:
    """Evaluate, save, record; then drop the stage's checkpoints.

    Args:
        context: the distillation.
        stage: of the model.
        model: the classifier.
        encoded: the rows that it was trained on; None where that was elsewhere.
        folder: for its weights; None: they aren't kept.
        outcome: of the training, if there was one.
        student: what only a student has.
    """
    if context.process_group.is_first:
        run, tokenizer = context.run, _tokenizer(context, stage)
        validation = context.encoded(context.validation_rows, tokenizer)
        called = "classifier" if context.recipe.existing else stage.name
        with step(f"{called}: evaluating on {len(validation):,} validation rows"):
            logits = predict_logits(model, validation, context.device)
        if not np.isfinite(logits).all():
            raise DataError(
                f"{called}: the model's answers are not finite numbers",
                hint="its weights hold NaN or infinities: save the model again from where it was trained",
            )
        task = context.task
        found = task.metrics(logits, validation.labels)
        held_out = {"logits": logits, "labels": np.ascontiguousarray(validation.labels)}
        test = None if context.test_rows is None else context.encoded(context.test_rows, tokenizer)
        if test is not None:
            held_out["test_logits"] = predict_logits(model, test, context.device)
            held_out["test_labels"] = np.ascontiguousarray(test.labels)
            found_on_test = task.metrics(held_out["test_logits"], test.labels)
        model.to("cpu")
        size = None
        if folder is not None:
            card = _card(context, stage.model, found, len(validation))
            size = save_classifier(model, tokenizer, folder, card=card, max_length=context.recipe.data.max_length)
        predictions = run.predictions(stage)
        write_bytes(predictions, save(held_out))
        main = task.metric.name
        record = ModelRecord(
            metrics=found,
            primary=main,
            interval=metric_interval(task, logits, validation.labels),
            validation_rows=len(validation),
            train_rows=0 if encoded is None else min(len(encoded), len(context.train_rows)),
            unlabeled_rows=None if encoded is None else max(0, len(encoded) - len(context.train_rows)) or None,
            test_metrics=None if test is None else found_on_test,
            test_rows=None if test is None else len(test),
            parameters=sum(p.numel() for p in model.parameters()),
            predictions_sha256=sha256_file(predictions),
            device=str(context.device),
            precision=str(context.dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
            processes=context.process_group.size,
            peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            data_fingerprint=(validation if encoded is None else encoded).fingerprint,
            cpu=cpu_info(),
            training=None if outcome is None else outcome.record(),
            size_bytes=size,
            files={} if folder is None else model_files(folder),
            student=student,
            label_names=validation.label_names,
            per_class=per_class_record(task, logits, validation.labels, validation.label_names),
        )
        run.finish(stage, record)
        Checkpoints(run.path("checkpoints", stage.name), {}).clear()
        beside = "" if test is None else f", {found_on_test[main]:.4f} on {len(test)} test rows"
        context.log(f"{called}: {main} {found[main]:.4f} on {len(validation)} validation rows{beside}")
    context.process_group.wait()


def _card(context: Context, name: str, found: dict[str, float], rows: int) -> str:
    recipe = context.recipe
    figures = "\n".join(f"- {key}: {value:.4f}" for key, value in found.items())
    what = "The teacher" if name == "teacher" else f"A student of {recipe.student.layers} layers, method {name},"
    note = "ACKD is reconstructed from its paper's abstract; `recipe.yaml` of the run has every setting."
    if recipe.distill.method == "none":
        name = what = "The classifier"
        note = "Nothing was distilled; `recipe.yaml` of the run has every setting."
    model = recipe.teacher.model
    origin = f"`{recipe.student.init}` and the soft labels in its data" if model is None else f"`{model}`"
    front = json.dumps({"pipeline_tag": "text-classification", "tags": ["ackd-deploy", name.split()[-1]]})
    return (
        f"---\n{front}\n---\n\n# {recipe.name}: {name}\n\n{what} of the run `{recipe.name}`, made by ackd-deploy "
        f"{__version__} from {origin}.\n\nOn {rows} validation rows:\n\n{figures}\n\n"
        f"{note}\n"
    )

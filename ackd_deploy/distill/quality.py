"""Has it learned? What a run's models must beat, and the verdict on each of them."""

from __future__ import annotations

import importlib.util
import time

import numpy as np
from safetensors.numpy import save

from ackd_deploy.check.finished import model_gates
from ackd_deploy.check.gates import failures
from ackd_deploy.check.quality import refused_model
from ackd_deploy.console import step, warn
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.unlabeled import labeled_part
from ackd_deploy.distill.context import Context
from ackd_deploy.distill.tfidf import TFIDF, tfidf_logits, tfidf_name
from ackd_deploy.errors import GateFailed
from ackd_deploy.extras import install_hint
from ackd_deploy.files import write_bytes
from ackd_deploy.run import BASELINES, TEACHER, Run, Stage
from ackd_deploy.run.records import CONSTANT, BaselineRecord, BaselinesRecord, ModelRecord
from ackd_deploy.tasks.constant import best_constant, constant_name, repeated
from ackd_deploy.tasks.intervals import metric_interval

__all__ = ["judge", "record_baselines"]


def record_baselines(context: Context) -> None:
    """Record what the best constant answer and a classifier without a network score on the validation rows.

    Both are made from the training rows. The second needs scikit-learn, and is left out without it.
    """
    run = context.run
    if run.is_done(BASELINES) or not context.process_group.is_first:
        return
    task, validation = context.task, context.validation_rows
    train, names = _chosen_on(context), validation.label_names
    run.start(BASELINES)
    row = best_constant(task, train.labels, len(names))
    logits = repeated(row, len(validation))
    constant = BaselineRecord(
        key=CONSTANT,
        name=constant_name(task, row, names),
        answer=task.named(task.decide(row[None])[0], names),
        logits=tuple(map(float, row)),
        metrics=task.metrics(logits, validation.labels),
        interval=metric_interval(task, logits, validation.labels),
    )
    record = BaselinesRecord(
        primary=task.metric.name,
        validation_rows=len(validation),
        train_rows=len(train),
        models=[constant, *_tfidf(context, train)],
    )
    run.finish(BASELINES, record)


def _tfidf(context: Context, train: LabeledTexts) -> list[BaselineRecord]:
    """Fit TF-IDF with logistic regression, save its predictions, and return its record; nothing where it cannot be."""
    run, validation = context.run, context.validation_rows
    if run.recipe.data.train is None or not run.recipe.distill.tfidf:
        return []
    if importlib.util.find_spec("sklearn") is None:
        context.log(f"no TF-IDF baseline: scikit-learn is not installed ({install_hint('train')} brings it)")
        return []
    if train is validation:
        # It would be fitted to the rows that it is judged on.
        context.log("no TF-IDF baseline: no training row has a label of its own")
        return []
    began = time.perf_counter()
    with step(f"baseline: {tfidf_name(train.problem_type)}"):
        logits = tfidf_logits(train, validation.items, seed=run.recipe.seed)
    if logits is None:
        context.log("no TF-IDF baseline: the training rows have one class, or no words")
        return []
    seconds = time.perf_counter() - began
    held_out = {"logits": logits, "labels": np.ascontiguousarray(validation.labels)}
    write_bytes(run.path("predictions", f"{TFIDF}.safetensors"), save(held_out))
    found = BaselineRecord(
        key=TFIDF,
        name=tfidf_name(train.problem_type),
        metrics=context.task.metrics(logits, validation.labels),
        interval=metric_interval(context.task, logits, validation.labels),
        seconds=seconds,
    )
    return [found]


def _chosen_on(context: Context) -> LabeledTexts:
    """Return the training rows that have a label of their own.

    Where there are none, of a classifier that existed already or of soft labels alone, those that judge: chosen there,
    a constant is only harder to beat.
    """
    if context.recipe.data.train is None:
        return context.validation_rows
    return labeled_part(context.train_rows) or context.validation_rows


def judge(context: Context, stage: Stage[ModelRecord], *, refuse: bool = True) -> None:
    """Judge a finished model by the bounds that the recipe has now, and record the verdict.

    Nothing is computed by the model: its saved predictions are read. Changing a bound and giving the same command
    again judges anew.

    Args:
        context: the distillation.
        stage: of the model.
        refuse: whether a failed gate is an error; without it, it is recorded and told. Where the export tunes decision
            thresholds, it is never one: the answers that will be served are not known yet, and the export judges them.

    Raises:
        GateFailed: in all processes.
    """
    run = context.run
    refusal = None
    if context.process_group.is_first:
        results = model_gates(run, stage)
        record = run.record(stage)
        gates = [result.record() for result in results]
        if record.gates != gates:
            run.amend(stage, record.model_copy(update={"gates": gates}))
        if failed := failures(results, run.recipe.gates.undecided):
            name = _called(run, stage)
            error = refused_model(name, failed)
            if refuse and run.recipe.export.thresholds is None:
                refusal = [error.message, error.hint]
            else:
                warn(error.message)
    if (refusal := context.process_group.broadcast(refusal)) is not None:
        raise GateFailed(refusal[0], hint=refusal[1])


def _called(run: Run, stage: Stage[ModelRecord]) -> str:
    if stage != TEACHER:
        return f"the student ({stage.model})"
    return "the classifier" if run.student == TEACHER else "the teacher"

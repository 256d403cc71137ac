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

from ackd_deploy import __version__
from ackd_deploy.console import warn
from ackd_deploy.distill.bank import TeacherBank, bank_key, build_bank, open_bank
from ackd_deploy.distill.context import Context
from ackd_deploy.distill.methods import loss_weights, poolings
from ackd_deploy.distill.objective import DistillObjective, FeatureLoss
from ackd_deploy.distill.sar.hardest import hardest_rows, likely_label_errors
from ackd_deploy.files import sha256_file, write_bytes
from ackd_deploy.models.classifiers import load_classifier, save_classifier
from ackd_deploy.models.student import build_student
from ackd_deploy.training.checkpoint import Checkpoints
from ackd_deploy.training.evaluate import predict_logits
from ackd_deploy.training.interrupt import interruption
from ackd_deploy.training.loop import Outcome, Settings, settings_of, train
from ackd_deploy.training.metrics_log import MetricsLog
from ackd_deploy.training.schedule import derived_seed

__all__ = ["bank_stage", "stage_is_whole", "student_stage", "teacher_stage"]


def stage_is_whole(context: Context, stage: str, folder: Path | None) -> bool:
    """Tell whether a stage is done and its files are those it recorded; damage is said aloud.

    Args:
        context: the distillation.
        stage: its name.
        folder: of its weights; None where they weren't kept.
    """
    run = context.run
    if not run.is_done(stage):
        return False
    facts = run.facts(stage)
    expected = {_predictions(context, stage): facts.get("predictions_sha256")}
    if folder is not None:
        expected[folder / "model.safetensors"] = facts.get("sha256")
    for file, sha256 in expected.items():
        if not file.is_file() or sha256_file(file) != sha256:
            warn(f"{file} is missing or damaged: stage {stage} is run again")
            return False
    return True


def _predictions(context: Context, stage: str) -> Path:
    return context.run.path("predictions", f"{stage.removeprefix('student-')}.safetensors")


def teacher_stage(context: Context) -> None:
    """Fine-tune the teacher where the recipe says so, and put it into the run's folder."""
    run, recipe = context.run, context.recipe
    rows = context.train_rows
    head = None if context.keeps_head else derived_seed(recipe.seed, "teacher head")
    model = load_classifier(context.source, rows.label_names, rows.problem_type, new_head_seed=head)
    outcome: Outcome | None = None
    if recipe.teacher.finetune is not None:
        objective = DistillObjective(
            loss_weights("finetune", recipe.distill),
            context.train.labels,
            rows.problem_type,
            recipe.distill,
            context.device,
        )
        settings = settings_of("teacher", recipe.seed, recipe.teacher.finetune, recipe.distill)
        outcome = _train(context, model, objective, settings)
    _conclude(context, "teacher", model, run.path("teacher"), outcome, {"finetuned": outcome is not None})


def bank_stage(context: Context, methods: list[str], teacher: Any) -> TeacherBank | None:
    """Fill and check the bank for these methods; None where none of them looks at the teacher."""
    distill = context.recipe.distill
    if not any(loss_weights(method, distill).needs_bank for method in methods):
        return None
    run, folder = context.run, context.run.path("bank")
    sha256 = sha256_file(run.path("teacher", "model.safetensors"))
    key = bank_key(sha256, context.train, context.layers, poolings(methods, distill), context.dtype)
    if context.process_group.is_first:
        began, known = time.perf_counter(), run.is_done("bank") and run.facts("bank").get("key") == key
        if not known:
            run.start("bank")
        with interruption() as stop:
            build_bank(teacher, context.train, folder, key, context.device, context.dtype, stop=stop)
        if not known:
            size = sum(file.stat().st_size for file in folder.glob("*.bin"))
            run.finish("bank", key=key, size_bytes=size, seconds=time.perf_counter() - began)
    context.process_group.wait()
    return open_bank(folder, key, context.device)


def student_stage(
    context: Context,
    method: str,
    teacher: Any,
    bank: TeacherBank | None,
    *,
    stage: str,
    folder: Path | None,
    seed: int,
) -> None:
    """Train one student by one method and record what came out.

    Students of all methods start from the same weights and see the same rows in the same order.

    Args:
        context: the distillation.
        method: as in the recipe.
        teacher: its classifier.
        bank: from `bank_stage`.
        stage: name in run.json.
        folder: for the student's weights; None: only its predictions and figures are kept.
        seed: of this training.
    """
    recipe, rows = context.recipe, context.train_rows
    model = build_student(
        teacher,
        recipe.student,
        context.layers,
        seed=derived_seed(seed, "student"),
        tokenizer_folder=context.tokenizer,
    )
    wanted = loss_weights(method, recipe.distill)
    features = None
    if bank is not None and wanted.feature != "none":
        features = FeatureLoss(
            wanted,
            rows.problem_type,
            recipe.distill,
            bank,
            student_width=model.config.hidden_size,
            layers=recipe.student.layers,
            seed=seed,
            process_group=context.process_group,
        )
    objective = DistillObjective(
        wanted,
        context.train.labels,
        rows.problem_type,
        recipe.distill,
        context.device,
        bank=bank,
        features=features,
    )
    outcome = _train(context, model, objective, settings_of(stage, seed, recipe.distill, recipe.distill))
    facts: dict[str, Any] = {
        "method": method,
        "seed": seed,
        "layers": recipe.student.layers,
        "layer_map": list(context.layers),
        "init": recipe.student.init,
    }
    if objective.hardest is not None and bank is not None:
        facts["sar"] = {k.removeprefix("sar_"): v for k, v in outcome.last.items() if k.startswith("sar_")}
        if wanted.sar != "uniform":
            facts["hardest"] = hardest_rows(objective.hardest, rows, bank)
            facts["label_errors"] = likely_label_errors(objective.hardest, rows, bank)
    _conclude(context, stage, model, folder, outcome, facts)


def _train(context: Context, model: Any, objective: DistillObjective, settings: Settings) -> Outcome:
    run = context.run
    if context.process_group.is_first:
        run.start(settings.stage)
    key = {"stage": settings.stage, "data": context.train.fingerprint, "processes": context.process_group.size}
    checkpoints = Checkpoints(run.path("checkpoints", settings.stage), key)
    with interruption() as stop:
        return train(
            model,
            objective,
            context.train,
            settings,
            device=context.device,
            dtype=context.dtype,
            checkpoints=checkpoints,
            record=MetricsLog(run, settings.stage),
            stop=stop,
            process_group=context.process_group,
        )


def _conclude(
    context: Context,
    stage: str,
    model: Any,
    folder: Path | None,
    outcome: Outcome | None,
    facts: dict[str, Any],
) -> None:
    """Evaluate, save, record; then drop the stage's checkpoints."""
    if context.process_group.is_first:
        run, validation = context.run, context.validation
        logits = predict_logits(model, validation, context.device)
        found = validation.task.metrics(logits, validation.labels)
        held_out = {"logits": logits, "labels": np.ascontiguousarray(validation.labels)}
        if (test := context.test) is not None:
            held_out["test_logits"] = predict_logits(model, test, context.device)
            held_out["test_labels"] = np.ascontiguousarray(test.labels)
            found_on_test = test.task.metrics(held_out["test_logits"], test.labels)
            facts = {**facts, "test_metrics": found_on_test, "test_rows": len(test)}
        model.to("cpu")
        if folder is not None:
            name = stage.removeprefix("student-")
            size = save_classifier(model, context.tokenizer, folder, card=_card(context, name, found, len(validation)))
            facts = {**facts, "size_bytes": size, "sha256": sha256_file(folder / "model.safetensors")}
        predictions = _predictions(context, stage)
        write_bytes(predictions, save(held_out))
        main = validation.task.metric.name
        run.finish(
            stage,
            metrics=found,
            primary=main,
            validation_rows=len(validation),
            train_rows=len(context.train),
            parameters=sum(p.numel() for p in model.parameters()),
            predictions_sha256=sha256_file(predictions),
            device=str(context.device),
            precision=str(context.dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
            processes=context.process_group.size,
            peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            data_fingerprint=context.train.fingerprint,
            **({"seconds": 0.0} if outcome is None else outcome.facts()),
            **facts,
        )
        Checkpoints(run.path("checkpoints", stage), {}).clear()
        beside = "" if test is None else f", {found_on_test[main]:.4f} on {len(test)} test rows"
        context.say(f"{stage}: {main} {found[main]:.4f} on {len(validation)} validation rows{beside}")
    context.process_group.wait()


def _card(context: Context, name: str, found: dict[str, float], rows: int) -> str:
    recipe = context.recipe
    figures = "\n".join(f"- {key}: {value:.4f}" for key, value in found.items())
    what = "The teacher" if name == "teacher" else f"A student of {recipe.student.layers} layers, method {name},"
    front = json.dumps({"pipeline_tag": "text-classification", "tags": ["ackd-deploy", name]})
    return (
        f"---\n{front}\n---\n\n# {recipe.name}: {name}\n\n{what} of the run `{recipe.name}`, made by ackd-deploy "
        f"{__version__} from `{recipe.teacher.model}`.\n\nOn {rows} validation rows:\n\n{figures}\n\n"
        "ACKD is reconstructed from its paper's abstract; `recipe.yaml` of the run has every setting.\n"
    )

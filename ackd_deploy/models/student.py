"""The student: built from some of the teacher's layers, from a checkpoint of its own, or at random."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ackd_deploy.errors import DataError, UsageError, first_line
from ackd_deploy.models.classifiers import load_classifier, quiet_transformers
from ackd_deploy.models.locate import locate_model
from ackd_deploy.recipe.sections import Student

__all__ = ["build_student", "check_layers", "check_student", "layer_stack", "student_from_checkpoint", "with_layers"]


def check_student(student: Student) -> None:
    """Raise an error for a student that cannot be built, before anything is trained.

    Raises:
        UsageError: a narrower student cannot start from the teacher's layers.
    """
    narrower = student.hidden_size or student.attention_heads or student.intermediate_size
    if narrower and student.init == "teacher":
        raise UsageError(
            "student.hidden_size, attention_heads and intermediate_size need another student.init: the teacher's "
            "layers do not fit other sizes",
            hint="--set student.init=random, or a checkpoint of that size",
        )


def build_student(teacher: Any, student: Student, layers: Sequence[int], *, seed: int) -> Any:
    """Build the student, in float32 on the CPU.

    Args:
        teacher: the teacher's classifier; defines label names, and architecture and vocabulary unless the student has a
            checkpoint of its own.
        student: the recipe's section.
        layers: [M] teacher layers (from 1) that the student's layers learn from.
        seed: of all random weights.

    Raises:
        DataError: the architecture has no stack of layers, or the own checkpoint does not fit.
        UsageError: the sizes do not fit together.
    """
    check_student(student)
    if student.init == "teacher":
        return with_layers(teacher, layers, seed=seed)
    if student.init != "random":
        names = [teacher.config.id2label[i] for i in range(len(teacher.config.id2label))]
        return student_from_checkpoint(student, names, teacher.config.problem_type, seed=seed)
    config = _of_layers(teacher.config, layers)
    if student.hidden_size:
        config.hidden_size = student.hidden_size
        # The usual ratio of BERT-like models, unless the recipe says otherwise.
        config.intermediate_size = student.intermediate_size or 4 * student.hidden_size
    elif student.intermediate_size:
        config.intermediate_size = student.intermediate_size
    if student.attention_heads:
        config.num_attention_heads = student.attention_heads
    if config.hidden_size % config.num_attention_heads:
        raise UsageError(
            f"student.hidden_size {config.hidden_size} is not a multiple of its {config.num_attention_heads} heads",
            hint="--set student.attention_heads=N",
        )
    return _new_model(config, seed)


def layer_stack(model: Any) -> str:
    """Return the dotted name of the list of encoder layers inside a classifier, such as ``bert.encoder.layer``.

    Raises:
        DataError: there is none, for example where all layers share their weights.
    """
    depth = model.config.num_hidden_layers
    stacks: list[str] = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == depth and len({type(m) for m in module}) == 1
    ]
    if not stacks:
        raise DataError(f"models of type {model.config.model_type} have no list of {depth} layers to choose from")
    # Other lists of that length hold parts of layers, or small heads: the encoder's has the most parameters.
    return max(stacks, key=lambda name: sum(p.numel() for p in model.get_submodule(name).parameters()))


def check_layers(config: Any) -> None:
    """Raise an error where a student cannot take layers of such a model; no weights are read or made.

    Raises:
        DataError: transformers has no classifier of this type, or its layers share their weights.
    """
    from transformers import AutoModelForSequenceClassification

    try:
        with quiet_transformers(), torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
    except ValueError as error:
        raise DataError(f"there is no classifier of type {config.model_type}: {first_line(error)}") from error
    layer_stack(model)


def with_layers(model: Any, layers: Sequence[int], *, seed: int) -> Any:
    """Return a classifier with copies of some layers (from 1), the embeddings and the head."""
    stack = layer_stack(model)
    smaller = _new_model(_of_layers(model.config, layers), seed)
    inside = re.compile(re.escape(stack) + r"\.(\d+)\.")
    weights = model.state_dict()

    def source(name: str) -> str:
        return inside.sub(lambda m: f"{stack}.{layers[int(m.group(1))] - 1}.", name)

    smaller.load_state_dict({name: weights[source(name)].clone() for name in smaller.state_dict()})
    return smaller.eval()


def _of_layers(config: Any, layers: Sequence[int]) -> Any:
    """Return a copy of a configuration for a model of these layers (from 1) alone."""
    smaller = copy.deepcopy(config)
    types = getattr(config, "layer_types", None)
    if isinstance(types, list) and len(types) == config.num_hidden_layers:
        # Of families whose layers differ, such as ModernBERT's in what they attend to; transformers 5 says how.
        smaller.layer_types = [types[layer - 1] for layer in layers]
    smaller.num_hidden_layers = len(layers)
    return smaller


def _new_model(config: Any, seed: int) -> Any:
    from transformers import AutoModelForSequenceClassification

    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForSequenceClassification.from_config(config).float().eval()


def student_from_checkpoint(student: Student, label_names: Sequence[str], problem_type: str, *, seed: int) -> Any:
    """Build the student from the checkpoint that ``student.init`` names, with a new head.

    Args:
        student: the recipe's section.
        label_names: name of each logit.
        problem_type: as in the recipe.
        seed: of the head.

    Raises:
        DataError: it has too few layers, or other sizes than the recipe says.
    """
    folder = locate_model(student.init, key="student.init")
    model = load_classifier(folder, label_names, problem_type, new_head_seed=seed)
    if model.config.num_hidden_layers < student.layers:
        raise DataError(
            f"student.init {student.init} has {model.config.num_hidden_layers} layers, not {student.layers}",
            hint=f"--set student.layers={model.config.num_hidden_layers}",
        )
    wanted = {"hidden_size": student.hidden_size, "num_attention_heads": student.attention_heads}
    for key, value in wanted.items():
        if value and getattr(model.config, key) != value:
            raise DataError(f"student.init {student.init} has {key} {getattr(model.config, key)}, the recipe {value}")
    if model.config.num_hidden_layers == student.layers:
        return model
    # Patient KD's practice for a deeper checkpoint: its first layers.
    return with_layers(model, range(1, student.layers + 1), seed=seed)

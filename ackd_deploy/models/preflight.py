"""What can be told of a recipe's files before anything is computed, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ackd_deploy.artifact.positions import text_positions
from ackd_deploy.data.balance import class_weights, warn_of_imbalance
from ackd_deploy.data.source import load_rows, load_texts
from ackd_deploy.data.split import subset, tuning_split
from ackd_deploy.data.tokenizer import TokenizerFile
from ackd_deploy.errors import DataError
from ackd_deploy.files import read_json
from ackd_deploy.models.layer_map import layer_map
from ackd_deploy.models.locate import is_hub_id, label_names_of, locate_model
from ackd_deploy.models.vocabulary import check_same_vocabulary
from ackd_deploy.recipe import Recipe
from ackd_deploy.recipe.decisions import check_thresholds
from ackd_deploy.recipe.sections import HeldOut, HubSplit

__all__ = ["check_positions", "check_sources"]

_SHARED_LAYERS = frozenset({"albert"})


def check_sources(recipe: Recipe) -> list[str]:
    """Check the data files and model folders that a recipe names; nothing is fetched from a hub.

    Returns:
        The recipe keys that name something on a hub, which was not looked at.

    Raises:
        DataError: a file or folder is missing or cannot be used; the message says why.
        UsageError: the teacher lacks layers that the recipe asks for, or the data a class that the recipe weighs.
    """
    models = {"teacher.model": recipe.teacher.model}
    if recipe.student.init not in ("teacher", "random"):
        models["student.init"] = recipe.student.init
    folders = {key: locate_model(name, key=key) for key, name in models.items() if not is_hub_id(name)}
    teacher = folders.get("teacher.model")
    if teacher is not None:
        _check_teacher(teacher, recipe)
        if (own := folders.get("student.init")) is not None:
            check_same_vocabulary(teacher, own, recipe.student.init)
    distant = [key for key in models if key not in folders]
    return distant + _check_rows(recipe, teacher)


def _check_teacher(folder: Path, recipe: Recipe) -> None:
    label_names_of(folder)
    config = read_json(folder / "config.json")
    kind = config["model_type"]
    distilled = recipe.distill.method != "none"
    if distilled and kind in _SHARED_LAYERS and recipe.student.init == "teacher":
        raise DataError(f"the layers of models of type {kind} share their weights: there are none to choose from")
    depth = config.get("num_hidden_layers")
    if distilled and isinstance(depth, int):
        layer_map(recipe.student.layer_map, recipe.student.layers, depth)
    check_positions(config, recipe.data.max_length)
    if (folder / "tokenizer.json").is_file() and isinstance(config.get("vocab_size"), int):
        TokenizerFile(folder).check_vocabulary(config["vocab_size"])


def check_positions(config: Mapping[str, Any], max_length: int) -> None:
    """Check that a teacher has positions for texts of ``data.max_length`` tokens, by its Hugging Face configuration.

    Raises:
        DataError: it has fewer.
    """
    positions = text_positions(config)
    if positions is not None and positions < max_length:
        raise DataError(
            f"data.max_length is {max_length}, and the teacher has {positions} positions",
            hint=f"--set data.max_length={positions}",
        )


def _check_rows(recipe: Recipe, teacher: Path | None) -> list[str]:
    data = recipe.data
    names: tuple[str, ...] | None
    if data.train is None:
        names, distant = (label_names_of(teacher) if teacher is not None and data.task.has_classes else None), []
    elif isinstance(data.train, HubSplit):
        names, distant = None, ["data.train"]
    else:
        # A teacher that is not fine-tuned defines the labels.
        defines = teacher is not None and recipe.teacher.finetune is None and data.task.has_classes
        known = label_names_of(teacher) if teacher is not None and defines else None
        every = subset(load_rows(data.train, data, known), data.train_rows, seed=recipe.seed)
        rows, _ = tuning_split(every, data.tuning_rows, seed=recipe.seed)
        weights = recipe.distill.class_weights
        class_weights(rows, weights, source=recipe.name)
        check_thresholds(recipe, len(rows.label_names))
        warn_of_imbalance(rows, weights)
        names, distant = rows.label_names, []
    for key, source in {"data.validation": data.validation, "data.test": data.test}.items():
        if isinstance(source, HubSplit) or (isinstance(source, HeldOut) and isinstance(data.train, HubSplit)):
            distant.append(key)
        elif source is not None:
            load_rows(source, data, names)
    for source in data.unlabeled_sources:
        if isinstance(source, HubSplit):
            distant.append("data.unlabeled")
        else:
            load_texts(source, data)
    return list(dict.fromkeys(distant))

"""What can be told of a recipe's files before anything is computed, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd_deploy.artifact.positions import text_positions
from ackd_deploy.data.balance import class_weights, warn_of_imbalance
from ackd_deploy.data.profile import Profile, profile_parts
from ackd_deploy.data.profile.lengths import Counter
from ackd_deploy.data.source import Part, load_part, load_texts
from ackd_deploy.data.split import subset, tuning_split
from ackd_deploy.data.tokenizer import TokenizerFile
from ackd_deploy.errors import DataError
from ackd_deploy.files import read_json
from ackd_deploy.models.families import check_own_layers
from ackd_deploy.models.layer_map import layer_map
from ackd_deploy.models.locate import is_hub_id, label_names_of, locate_model
from ackd_deploy.recipe import Recipe
from ackd_deploy.recipe.decisions import check_thresholds
from ackd_deploy.recipe.sections import HeldOut, HubSplit

__all__ = ["Checked", "check_positions", "check_sources", "token_counter"]


@dataclass(frozen=True)
class Checked:
    """What a look at a recipe's files found.

    Attributes:
        distant: recipe keys that name something on a hub, which was not looked at.
        profile: of the data; None where the training data is on a hub.
    """

    distant: list[str]
    profile: Profile | None


def check_sources(recipe: Recipe) -> Checked:
    """Check the data files and model folders that a recipe names; nothing is fetched from a hub.

    Raises:
        DataError: a file or folder is missing or cannot be used; the message says why.
        UsageError: the teacher lacks layers that the recipe asks for, or the data a class that the recipe weighs.
    """
    models = {} if recipe.teacher.model is None else {"teacher.model": recipe.teacher.model}
    if recipe.student.init not in ("teacher", "random"):
        models["student.init"] = recipe.student.init
    if recipe.data.augment is not None:
        models["data.augment.model"] = recipe.data.augment.model
    folders = {key: locate_model(name, key=key) for key, name in models.items() if not is_hub_id(name)}
    teacher = folders.get("teacher.model")
    if teacher is not None:
        _check_teacher(teacher, recipe)
        if (own := folders.get("student.init")) is not None:
            _check_start(own, recipe)
    distant = [key for key in models if key not in folders]
    parts, beside = _check_rows(recipe, teacher)
    count = token_counter(teacher) if teacher is not None else None
    profile = profile_parts(parts, recipe.data, count) if "train" in parts else None
    return Checked(distant + beside, profile)


def _check_teacher(folder: Path, recipe: Recipe) -> None:
    label_names_of(folder)
    config = read_json(folder / "config.json")
    kind = config["model_type"]
    distilled = recipe.distill.method != "none"
    if distilled and recipe.student.init == "teacher":
        check_own_layers(kind)
    depth = config.get("num_hidden_layers")
    if distilled and isinstance(depth, int):
        layer_map(recipe.student.layer_map, recipe.student.layers, depth)
    check_positions(config, recipe.data.max_length)
    if (folder / "tokenizer.json").is_file() and isinstance(config.get("vocab_size"), int):
        TokenizerFile(folder).check_vocabulary(config["vocab_size"])


def _check_start(folder: Path, recipe: Recipe) -> None:
    """Check the checkpoint that the student starts from; it may read its texts by a tokenizer of its own."""
    config = read_json(folder / "config.json")
    check_positions(config, recipe.data.max_length, model=f"student.init {recipe.student.init}")
    if (folder / "tokenizer.json").is_file() and isinstance(config.get("vocab_size"), int):
        TokenizerFile(folder).check_vocabulary(config["vocab_size"])


def check_positions(config: Mapping[str, Any], max_length: int, *, model: str = "the teacher") -> None:
    """Check that a model has positions for texts of ``data.max_length`` tokens, by its Hugging Face configuration.

    Args:
        config: of the model.
        max_length: the recipe's.
        model: what the message calls it.

    Raises:
        DataError: it has fewer.
    """
    positions = text_positions(config)
    if positions is not None and positions < max_length:
        raise DataError(
            f"data.max_length is {max_length}, and {model} has {positions} positions",
            hint=f"--set data.max_length={positions}",
        )


def token_counter(folder: Path) -> Counter | None:
    """Return what counts tokens as a model's tokenizer does; None where the folder has no tokenizer.json."""
    return TokenizerFile(folder).count if (folder / "tokenizer.json").is_file() else None


def _check_rows(recipe: Recipe, teacher: Path | None) -> tuple[dict[str, Part], list[str]]:
    data = recipe.data
    parts: dict[str, Part] = {}
    names: tuple[str, ...] | None
    if data.train is None:
        names, distant = (label_names_of(teacher) if teacher is not None and data.task.has_classes else None), []
    elif isinstance(data.train, HubSplit):
        names, distant = None, ["data.train"]
    else:
        # A teacher that is not fine-tuned defines the labels.
        defines = teacher is not None and recipe.teacher.finetune is None and data.task.has_classes
        known = label_names_of(teacher) if teacher is not None and defines else None
        parts["train"] = load_part(data.train, data, known)
        every = subset(parts["train"].rows, data.train_rows, seed=recipe.seed)
        rows, _ = tuning_split(every, data.tuning_rows, seed=recipe.seed)
        weights = recipe.distill.class_weights
        class_weights(rows, weights, source=recipe.name)
        check_thresholds(recipe, len(rows.label_names))
        warn_of_imbalance(rows, weights)
        names, distant = rows.label_names, []
    for name, source in {"validation": data.validation, "test": data.test}.items():
        if isinstance(source, HubSplit) or (isinstance(source, HeldOut) and isinstance(data.train, HubSplit)):
            distant.append(f"data.{name}")
        elif source is not None:
            parts[name] = load_part(source, data, names)
    for source in data.unlabeled_sources:
        if isinstance(source, HubSplit):
            distant.append("data.unlabeled")
        else:
            load_texts(source, data)
    return parts, list(dict.fromkeys(distant))

"""The run of a classifier that exists already: a recipe written from options, and what its files tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from ackd_deploy import console
from ackd_deploy.artifact.positions import text_positions
from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.files import read_json
from ackd_deploy.models.locate import locate_model
from ackd_deploy.recipe import Recipe, parse_recipe
from ackd_deploy.recipe.load import valid_name
from ackd_deploy.recipe.sections.export import CALIBRATED, Export
from ackd_deploy.tasks import ProblemType

__all__ = ["Given", "existing_recipe"]

# Longer texts are rare, and pipelines that were not told otherwise cut there too.
_MAX_LENGTH = 512


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options of ``export --model``; None is what was not given."""

    model: str
    data: Path | None
    calibration: Path | None
    text: str | None
    text_pair: str | None
    label: tuple[str, ...]
    problem_type: str | None
    max_length: int | None


def existing_recipe(given: Given, name: str | None = None, overrides: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe of a classifier that is exported as it is.

    Args:
        given: the options.
        name: of the run; None: after the model's folder.
        overrides: ``a.b=value`` assignments, after the options.

    Raises:
        UsageError: rows to judge the classifier on are missing.
        DataError: the folder holds no usable model.
        RecipeError: the options don't go together.
    """
    if given.data is None:
        raise UsageError("--model needs --data: labeled rows to judge the exported classifier on")
    folder = locate_model(given.model, key="--model")
    config = read_json(folder / "config.json")
    data: dict[str, Any] = {
        "train": None if given.calibration is None else str(given.calibration),
        "validation": str(given.data),
        "problem_type": given.problem_type or _problem_type(config, folder, given),
        "max_length": given.max_length or _max_length(config, folder),
    }
    named = {"text": given.text, "text_pair": given.text_pair}
    data |= {key: value for key, value in named.items() if value is not None}
    if given.label:
        data["label"] = given.label[0] if len(given.label) == 1 else list(given.label)
    content: dict[str, Any] = {
        "name": name or valid_name(Path(given.model).resolve().name),
        "description": f"The classifier {Path(given.model).name}, exported as it is: nothing was distilled.",
        "data": data,
        "teacher": {"model": given.model},
        "distill": {"method": "none"},
    }
    if given.calibration is None:
        variants = [variant for variant in Export().variants if variant not in CALIBRATED]
        content["export"] = {"variants": variants}
        console.log(
            "static int8 and a temperature are left out: they need rows like the model's training rows (--calibration "
            "FILE), and nothing is calibrated on --data, which judges"
        )
    return parse_recipe(yaml.safe_dump(content, allow_unicode=True), source="the options", overrides=overrides)


def _problem_type(config: Mapping[str, Any], folder: Path, given: Given) -> ProblemType:
    """Tell the task from a configuration: what it says, or else its number of labels and the columns."""
    known = config.get("problem_type")
    if known is not None:
        for problem_type in get_args(ProblemType):
            if known == problem_type:
                return problem_type  # type: ignore[no-any-return]
        raise DataError(f"{folder}/config.json has the problem_type {known!r}", hint="--problem-type names the task")
    names = config.get("id2label")
    # transformers writes no id2label where there are two labels without names.
    count = len(names) if isinstance(names, dict) else int(config.get("num_labels") or 2)
    if len(given.label) > 1:
        return "multi_label_classification"
    return "regression" if count == 1 else "single_label_classification"


def _max_length(config: Mapping[str, Any], folder: Path) -> int:
    """Return the tokens that model and tokenizer take, at most 512."""
    file = folder / "tokenizer_config.json"
    own = read_json(file).get("model_max_length") if file.is_file() else None
    limits = [text_positions(config), own if isinstance(own, int) and own >= 4 else None]
    length = min([_MAX_LENGTH, *(limit for limit in limits if limit is not None)])
    console.log(f"texts are cut after {length} tokens; --max-length says otherwise")
    return length

"""The commented recipe that ``recipe init`` writes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml

from ackd_deploy.errors import UsageError
from ackd_deploy.recipe.load import parse_recipe, run_name

__all__ = ["check_printable", "recipe_template", "yaml_scalar"]

_TEMPLATE = """\
# {name}: say here what this recipe is for.
#
# Run it   ackd-deploy run {file}
# Every key with its default: ackd-deploy recipe show {file}

name: {quoted_name}
seed: 42

data:
  train: {train}            # CSV (quoted), TSV (unquoted), JSON Lines or Parquet
  validation: {validation}  # held out: metrics and gates are decided on it
  text: text
  label: label
  max_length: 128

teacher:
  model: {model}            # a folder in Hugging Face layout, or a hub id
  finetune:                 # leave this section out where the teacher knows the task already
    epochs: 3
    learning_rate: 3e-5

student:
  layers: 4

distill:
  method: ackd
  baselines: [finetune]
  epochs: 3

export:
  workload: single
"""


def recipe_template(file: Path, *, train: str, validation: str, model: str) -> str:
    """Return a recipe for ``file``, named after it, that reads back with exactly these values.

    Raises:
        UsageError: a path that no recipe can hold, such as one that is no valid Unicode.
        RecipeError: a value that a recipe refuses.
    """
    check_printable({"the file": str(file), "--train": train, "--validation": validation, "--model": model})
    name = run_name(file)
    content = _TEMPLATE.format(
        name=name,
        quoted_name=yaml_scalar(name),
        file=shlex.quote(str(file)),
        train=yaml_scalar(train),
        validation=yaml_scalar(validation),
        model=yaml_scalar(model),
    )
    # Nothing is written that would be refused afterwards.
    parse_recipe(content, source=str(file))
    return content


def check_printable(values: Mapping[str, str | None]) -> None:
    """Refuse names that no recipe can hold: a line end in a file's name would end the comment that it stands in.

    Raises:
        UsageError: a value has characters that cannot be printed; the keys say what it is.
    """
    for what, value in values.items():
        if value is not None and not value.isprintable():
            raise UsageError(f"{what} has characters that cannot be printed: {value!r}", hint="rename it")


def yaml_scalar(value: str) -> str:
    """Return text as YAML that reads back as this text: in quotes where YAML would read something else."""
    if re.fullmatch(r"[A-Za-z./][A-Za-z0-9._/-]*", value) and isinstance(yaml.safe_load(value), str):
        return value
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.rstrip("\n")

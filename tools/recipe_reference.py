"""Write docs/reference/recipe.md: every key of a recipe, from the schema. ``python tools/recipe_reference.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ackd_deploy.recipe import Recipe

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "recipe.md"

HEAD = """\
# Recipe keys

<!-- Written by tools/recipe_reference.py from ackd_deploy/recipe/sections; change the descriptions there. -->

A recipe is a YAML file of sections. Every key can be set on the command line: `--set distill.epochs=2`. Unknown keys
are errors, and `ackd-deploy recipe validate FILE` lists all mistakes with their lines. Paths are relative to the folder
that the command is run in. *Absent* is written `null`, as in `--set teacher.finetune=null`.

Marks say where a choice of the method comes from: **[P]** the paper's abstract, **[R]** a relative's paper or released
code, **[I]** our own design. A key without a mark is no choice of the method.
"""


def sections() -> dict[type[BaseModel], list[str]]:
    """Return each kind of section with the dotted paths where it may stand; the recipe itself has the path ''."""
    found: dict[type[BaseModel], list[str]] = {}

    def visit(model: type[BaseModel], path: str) -> None:
        found.setdefault(model, []).append(path)
        for name, field in model.model_fields.items():
            for inner in _inner_models(field.annotation):
                visit(inner, f"{path}.{name}".lstrip("."))

    visit(Recipe, "")
    return found


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) in (list, dict):
        return []
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for option in get_args(annotation) for model in _inner_models(option)]


def type_name(annotation: Any) -> str:
    """Return a type in words: 'integer', 'list of integers' …"""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(type_name(option) for option in arguments if option is not NoneType))
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"mapping of {type_name(arguments[0])} to {type_name(arguments[1])}"
    if issubclass(annotation, BaseModel):
        return "section"
    return {str: "text", int: "integer", float: "number", bool: "true or false"}[annotation]


def bounds(field: FieldInfo) -> str:
    """Return the bounds of a number, or of the numbers in a list, in words; '' where there are none."""
    found = []
    for bound in _metadata(field):
        for kind, sign, value in ((Ge, "≥", "ge"), (Gt, ">", "gt"), (Le, "≤", "le"), (Lt, "<", "lt")):
            if isinstance(bound, kind):
                found.append(f"{sign} {getattr(bound, value):.12g}")
    return ", ".join(found)


def _metadata(field: FieldInfo) -> list[Any]:
    return [*field.metadata, *_annotated(field.annotation)]


def _annotated(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        for entry in annotation.__metadata__:
            yield from entry.metadata if isinstance(entry, FieldInfo) else [entry]
    for argument in get_args(annotation):
        yield from _annotated(argument)


def default(field: FieldInfo) -> str:
    """Return the default as YAML writes it."""
    value = field.default
    if field.is_required():
        return "**required**"
    if value is None:
        return "absent"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return '`""`' if value == "" else f"`{value}`"


def table(model: type[BaseModel]) -> list[str]:
    lines = ["| key | type | default | description |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        limits = bounds(field)
        kind = type_name(field.annotation) + (f", {limits}" if limits else "")
        description = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {default(field)} | {description} |")
    return lines


def reference() -> str:
    """Return the whole page."""
    found = sections()
    keys = sum(len(model.model_fields) for model in found)
    lines = [HEAD, f"{keys} keys in {len(found)} kinds of section."]
    for model, paths in found.items():
        heading = ", ".join(f"`{path}`" for path in paths if path) or "The recipe itself"
        about = (model.__doc__ or "").strip().replace("``", "`")
        lines += ["", f"## {heading}", "", about, "", *table(model)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(reference(), encoding="utf-8")
    sys.stderr.write(f"wrote {TARGET}\n")

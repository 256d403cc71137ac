"""From YAML text and ``--set a.b=c`` overrides to a checked recipe; all mistakes in one error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ackd_deploy.errors import RecipeError, UsageError
from ackd_deploy.files import read_bounded
from ackd_deploy.recipe.schema import Recipe
from ackd_deploy.recipe.yaml_text import parse_yaml

__all__ = ["dump_recipe", "load_recipe", "parse_recipe", "run_name", "valid_name"]

_MAX_BYTES = 1_000_000
# How pydantic calls the members of our unions.
_UNION_MEMBER = re.compile(r"^(str|int|bool|float|[A-Z]\w*|(literal|list|dict|constrained|tagged-union)\b.*)$")
# Keys of earlier recipes, and their new names.
_RENAMED = {"clip_norm": "max_grad_norm", "warmup_share": "warmup_ratio", "spread": "temperature"}
_HINT = "ackd-deploy recipe show --schema lists every key with its type and default"


def _apply_override(content: dict[str, Any], assignment: str) -> None:
    key, equals, raw = assignment.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set wants KEY=VALUE, got {assignment!r}", hint="for example --set distill.epochs=2")
    value, _ = parse_yaml(raw, f"--set {key}")
    *parents, last = key.strip().split(".")
    section = content
    for name in parents:
        inner = section.get(name)
        if not isinstance(inner, dict):
            # A section that was absent or null is opened by the first override inside it.
            inner = section[name] = {}
        section = inner
    section[last] = value


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for option in get_args(annotation) for section in _sections_in(option)]


def _keys(location: tuple[int | str, ...], unknown: bool) -> tuple[tuple[str, ...], type[BaseModel] | None]:
    """Return the user's own keys in a location of pydantic's, and the section that holds the last one.

    Pydantic also names the member of a union that it tried (str, HubSplit, list[int] …): no key of the user's.
    """
    section: type[BaseModel] | None = Recipe
    holder: type[BaseModel] | None = Recipe
    inner: list[type[BaseModel]] = []
    keys: list[str] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if section is not None and part in section.model_fields:
            keys.append(str(part))
            holder = section
            inner = _sections_in(section.model_fields[str(part)].annotation)
            section = inner[0] if inner else None
        elif named := next((option for option in inner if option.__name__ == part), None):
            # One of several kinds of section, chosen by its keys.
            section = named
        elif (last and unknown) or isinstance(part, int):
            keys.append(str(part))
            holder = section
        elif section is None and not _UNION_MEMBER.match(part):
            keys.append(part)
    return tuple(keys), holder


def _message(error: Any) -> str:
    message: str = error["msg"].removeprefix("Value error, ")
    if message.startswith("Input should be "):
        message = re.sub(r"valid dictionary or instance of \w+", "mapping", message)
        message = "should be " + message.removeprefix("Input should be ")
    return message


def _problems(errors: Sequence[Any], lines: dict[tuple[str, ...], int]) -> list[str]:
    """Return one line for each key that is wrong, in the order of the file."""
    messages: dict[tuple[str, ...], list[str]] = {}
    inputs: dict[tuple[str, ...], Any] = {}
    misread = set()
    for error in errors:
        unknown = error["type"] == "extra_forbidden"
        keys, holder = _keys(error["loc"], unknown)
        if unknown and (renamed := _RENAMED.get(keys[-1])) and holder and renamed in holder.model_fields:
            text = f"this key is called {renamed} now"
        elif unknown:
            known = list(holder.model_fields) if holder else []
            close = difflib.get_close_matches(keys[-1], known, n=1)
            text = "unknown key" + (f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}")
        elif error["type"] == "missing":
            text = "missing"
        else:
            text = _message(error)
            inputs[keys] = error["input"]
            if error["type"] == "string_type" and not isinstance(error["input"], (list, dict, type(None))):
                misread.add(keys)
        messages.setdefault(keys, []).append(text)

    problems = []
    for keys, texts in messages.items():
        # A mapping was given for str | HubSplit: what is wrong inside it says more than "should be a string".
        if isinstance(inputs.get(keys), dict) and any(k != keys and k[: len(keys)] == keys for k in messages):
            continue
        line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), 0)
        text = " or ".join([texts[0], *(t.removeprefix("should be ") for t in texts[1:])])
        given = inputs.get(keys)
        got = "" if given is None or isinstance(given, dict) else f", got {given!r:.60}"
        if keys in misread:
            got += " (text that YAML reads otherwise, such as no, yes or 007, goes in quotes)"
        where = f"line {line}: " if line else ""
        problems.append((line, f"{where}{'.'.join(keys) or 'recipe'}: {text}{got}"))
    return [text for _, text in sorted(problems, key=lambda pair: pair[0])]


def parse_recipe(
    text: str, *, source: str = "recipe", overrides: Sequence[str] = (), name: str | None = None
) -> Recipe:
    """Parse and check a recipe.

    Args:
        text: YAML.
        source: what to call it in errors.
        overrides: ``a.b=value`` assignments; values are YAML.
        name: the run's name where the recipe gives none.

    Raises:
        RecipeError: with one line for each mistake, with line numbers.
    """
    content, lines = parse_yaml(text, source)
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise RecipeError(source, ["a recipe is a mapping of sections, such as data: and teacher:"], hint=_HINT)
    for assignment in overrides:
        _apply_override(content, assignment)
    if name is not None:
        content.setdefault("name", name)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(source, _problems(error.errors(), lines), hint=_HINT) from error


def load_recipe(path: Path | str, *, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file; its name without suffix names the run unless the recipe says otherwise.

    Args:
        path: of a YAML file.
        overrides: ``a.b=value`` assignments; values are YAML.

    Raises:
        RecipeError: with one line for each mistake, with line numbers.
        UsageError: there is no such file, or it cannot be read.
    """
    path = Path(path)
    try:
        text = read_bounded(path, _MAX_BYTES).decode()
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no recipe {path}", hint="ackd-deploy recipe list shows those that are shipped"
        ) from error
    except OSError as error:
        raise UsageError(f"the recipe {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the recipe {path} cannot be read: {error}", hint="save it as UTF-8") from error
    return parse_recipe(text, source=str(path), overrides=overrides, name=run_name(path))


def run_name(path: Path) -> str:
    """Return the name of the run that a recipe file gives where the recipe has none: valid whatever the file's is."""
    return valid_name(path.stem)


def valid_name(text: str) -> str:
    """Return the name of a run after anything else that has a name: what a name cannot hold becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip("._-")[:100] or "run"


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as YAML with every default written out."""
    content = recipe.model_dump(mode="json")
    if recipe.existing:
        # How a student would have been trained says nothing about a classifier that was there before.
        del content["student"]
        content["distill"] = {"method": recipe.distill.method}
    dumped: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return dumped

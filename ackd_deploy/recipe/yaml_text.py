"""YAML of any origin to plain data: safe, in bounded time and memory, with the line of each key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from ackd_deploy.errors import RecipeError, first_line

__all__ = ["parse_yaml"]

_MAX_NODES = 100_000
# No number, date or boolean has more characters. Beyond it a text is text: PyYAML's patterns for numbers take time that
# grows with the square of the length, and so does 1:59:59:…, a number to the base 60.
_MAX_SCALAR = 100
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads 1e-4 as a number, as YAML 1.2 does, and refuses duplicate keys."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and len(value) > _MAX_SCALAR:
            return _TEXT
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]

    def compose_scalar_node(self, anchor: Any) -> Any:
        # PyYAML takes !!int of any text, and stops with an error of another kind for each where that is none.
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if event.tag not in (None, "!", _TEXT):
            tag = repr(event.tag)[:60]
            raise yaml.constructor.ConstructorError(None, None, f"the tag {tag} has no place here", event.start_mark)
        return super().compose_scalar_node(anchor)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:
            continue
        key = _key(loader, key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r:.60} appears twice", key_node.start_mark)
        seen.add(key)
    loader.flatten_mapping(node)
    return {_key(loader, key): loader.construct_object(value, deep=True) for key, value in node.value}


def _key(loader: _Loader, node: yaml.Node) -> str:
    """Return a key as it is written: labels such as no, 007 and 1.0 are text, and no boolean or number."""
    content = loader.construct_object(node, deep=True)
    return str(node.value if isinstance(node, yaml.ScalarNode) else content)


_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    content = loader.construct_scalar(node)
    # "\ud800" is half a character, which can be neither written to a file nor printed.
    if any("\ud800" <= character <= "\udfff" for character in content):
        raise yaml.constructor.ConstructorError(None, None, "half a surrogate pair, no text", node.start_mark)
    return str(content)


_Loader.add_constructor(_TEXT, _text)


def _check_size(node: yaml.Node) -> None:
    """Refuse aliases that expand without bound: nine of nine of nine … are a billion nodes in 500 bytes.

    Raises:
        ValueError: there are more than ``_MAX_NODES`` nodes, or an alias is inside the node that it names.
    """
    sizes: dict[int, int | None] = {}

    def size(node: yaml.Node) -> int:
        if (known := sizes.get(id(node), 0)) is None:
            raise ValueError("an alias is inside the value that it names")
        if known:
            return known
        sizes[id(node)] = None
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        found = 1 + (sum(map(size, inner)) if isinstance(node, yaml.CollectionNode) else 0)
        if found > _MAX_NODES:
            raise ValueError(f"it has more than {_MAX_NODES:,} values, those of its aliases included")
        sizes[id(node)] = found
        return found

    size(node)


def parse_yaml(text: str, source: str) -> tuple[Any, dict[tuple[str, ...], int]]:
    """Return the plain data and the line (from 1) of each key path.

    Raises:
        RecipeError: not valid YAML, or refused for its size, its depth or what it asks for.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        _check_size(node)
        content = loader.construct_document(node)
        return content, dict(_lines(node))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        what = getattr(error, "problem", None) or first_line(error)
        raise RecipeError(source, [f"{where}not valid YAML: {what[:300]}"]) from error
    except RecursionError as error:
        raise RecipeError(source, ["not readable as YAML: nested too deeply"]) from error
    except ValueError as error:
        raise RecipeError(source, [f"not readable as YAML: {first_line(error)}"]) from error


def _lines(node: yaml.Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)

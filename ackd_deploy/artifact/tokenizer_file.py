"""Look at a ``tokenizer.json`` before the tokenizers package does: can it be loaded in bounded time and memory?

A tokenizer is a small program of its own. Steps that replace a text by a longer one multiply each other, each added
token is compared with those before it, and a long token makes a tree as deep as it is long: a file of a few kilobytes
can take hours to load, or the memory of the machine, or end the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ackd_deploy.artifact.tokenizer_growth import growth_problem
from ackd_deploy.errors import ArtifactError, first_line
from ackd_deploy.files import read_bounded
from ackd_deploy.json_text import parse_json

__all__ = ["check_tokenizer", "read_tokenizer", "rust_errors"]

_MAX_BYTES = 50_000_000
_MAX_DEPTH = 100
# Loading takes time that grows with their square: 0.1 s for 10,000, 4 s for 100,000. Their characters all become states
# of one machine: 45,000,000 take 25 s and 3.5 GB.
_MAX_ADDED = 10_000
_MAX_ADDED_CHARACTERS = 500_000
# The longest of the vocabularies in use are runs of 128 or 512 spaces and dashes.
_MAX_TOKEN = 1000
_MAX_STEPS = 100
# Values, and characters of a text, in one part. Patterns in use have some 500 characters.
_MAX_VALUES = 2000
_MAX_TEXT = 10_000
# WordPiece tries all pieces of a word: time grows with the cube, 0.1 s for a word of 1,000 letters, 27 s for 8,000.
_MAX_WORD = 1000
_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_INNER = ("normalizers", "pretokenizers", "processors", "decoders")


@contextmanager
def rust_errors(what: str) -> Iterator[None]:
    """Turn what the tokenizers package raises into an ArtifactError; a panic in it is no Exception."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ArtifactError(f"{what}: {first_line(error)}") from None


def read_tokenizer(path: Path) -> str:
    """Return the content of a ``tokenizer.json`` that may be loaded.

    Raises:
        ArtifactError: missing, too large, no JSON object, or refused by `check_tokenizer`.
    """
    try:
        text = read_bounded(path, _MAX_BYTES).decode("utf-8")
        content = parse_json(text)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ArtifactError(f"{path} is not a tokenizer: {first_line(error)}") from None
    check_tokenizer(content, str(path))
    return text


def check_tokenizer(content: Any, source: str) -> None:
    """Refuse a tokenizer that could not be loaded, or not used, in bounded time and memory.

    Raises:
        ArtifactError: not an object, nested too deeply, a step without a type, or with too many or too long added
            tokens, tokens, steps, patterns, replacements or repetitions of a text.
    """
    if not isinstance(content, dict):
        raise ArtifactError(f"{source} is not a tokenizer: it holds no JSON object")
    _check_added(content.get("added_tokens"), source)
    _check_model(content.get("model"), source)
    steps = {part: list(_steps(content.get(part), f"{source} has a {part}", 0)) for part in _PARTS}
    for part, found in steps.items():
        if len(found) > _MAX_STEPS:
            raise ArtifactError(f"{source} has a {part} of {len(found):,} steps; more than {_MAX_STEPS} are refused")
        _check_values(content.get(part), f"{source} has a {part}")
    for together in (steps["normalizer"] + steps["pre_tokenizer"], steps["decoder"]):
        if problem := growth_problem(together):
            raise ArtifactError(f"{source} has steps {problem}")
    for step in steps["post_processor"]:
        _check_template(step, source)


def _check_added(added: Any, source: str) -> None:
    if not isinstance(added, list):
        return
    if len(added) > _MAX_ADDED:
        raise ArtifactError(f"{source} has {len(added):,} added tokens; more than {_MAX_ADDED:,} are refused")
    lengths = [len(str(token.get("content"))) for token in added if isinstance(token, dict)]
    if max(lengths, default=0) > _MAX_TOKEN or sum(lengths) > _MAX_ADDED_CHARACTERS:
        raise ArtifactError(
            f"{source} has added tokens of {max(lengths):,} characters, {sum(lengths):,} together; more than "
            f"{_MAX_TOKEN:,} and {_MAX_ADDED_CHARACTERS:,} are refused"
        )


def _check_model(model: Any, source: str) -> None:
    if not isinstance(model, dict):
        return
    vocabulary = model.get("vocab")
    entries = vocabulary if isinstance(vocabulary, dict | list) else ()
    tokens = (entry[0] if isinstance(entry, list) and entry else entry for entry in entries)
    settings = (value for value in model.values() if isinstance(value, str))
    longest = max((len(text) for text in (*tokens, *settings) if isinstance(text, str)), default=0)
    if longest > _MAX_TOKEN:
        raise ArtifactError(f"{source} has a token of {longest:,} characters; more than {_MAX_TOKEN:,} are refused")
    word = model.get("max_input_chars_per_word")
    if isinstance(word, int) and word > _MAX_WORD:
        raise ArtifactError(f"{source} takes words of more than {_MAX_WORD:,} characters: refused")


def _steps(node: Any, what: str, depth: int) -> Iterator[dict[str, Any]]:
    """Yield a part's steps, those of sequences in it included.

    The tokenizers package guesses the kind of a step that names none, so such a step is refused.
    """
    if node is None:
        return
    if depth > _MAX_DEPTH:
        raise ArtifactError(f"{what} that is nested too deeply")
    if not isinstance(node, dict) or not isinstance(node.get("type"), str):
        raise ArtifactError(f"{what} with a step that names no type")
    yield node
    for name in _INNER:
        inner = node.get(name)
        for step in inner if isinstance(inner, list) else ():
            yield from _steps(step, what, depth + 1)


def _check_values(node: Any, what: str) -> None:
    """Refuse long lists and long texts, but SentencePiece's table, a text of its own kind."""
    left, waiting = _MAX_VALUES, [("", node)]
    while waiting:
        key, value = waiting.pop()
        left -= 1
        if isinstance(value, str) and len(value) > _MAX_TEXT and key != "precompiled_charsmap":
            raise ArtifactError(f"{what} with a text of {len(value):,} characters; more than {_MAX_TEXT:,} are refused")
        inner = list(value.items()) if isinstance(value, dict) else []
        inner += [("", entry) for entry in value] if isinstance(value, list) else []
        if len(inner) > left:
            raise ArtifactError(f"{what} of more than {_MAX_VALUES:,} values")
        waiting += inner


def _check_template(step: dict[str, Any], source: str) -> None:
    """Refuse a template that writes a text twice: with each piece of the one, the package keeps each of the other."""
    for name in ("single", "pair"):
        pieces = step.get(name)
        texts = [str(p.get("Sequence")) for p in pieces if isinstance(p, dict)] if isinstance(pieces, list) else []
        for text in ("'A'", "'B'"):
            if sum(text in piece for piece in texts) > 1:
                raise ArtifactError(f"{source} has a post_processor that writes a text more than once")

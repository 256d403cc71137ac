"""YAML that PyYAML answers with a foreign error, or only after minutes, is refused with one line at once."""

import os
from pathlib import Path

import pytest

from ackd_deploy.errors import RecipeError, UsageError
from ackd_deploy.recipe import load_recipe, parse_recipe
from ackd_deploy.recipe.yaml_text import parse_yaml

GOOD = "data: {train: a.csv, validation: b.csv}\nteacher: {model: m}\n"
HOSTILE = {
    "hexadecimal number of 100,000 digits": "seed: 0x" + "f" * 100_000,
    "octal number": "seed: 0" + "7" * 100_000,
    "decimal number": "seed: " + "1" * 100_000,
    "number to the base 60": "seed: 1" + ":59" * 50_000,
    "fraction to the base 60": "seed: 1" + ":59" * 50_000 + ".5",
    "digits before a letter": "seed: " + "1" * 200_000 + "e",
    "tag of a number on a text": "seed: !!int hello",
    "tag of a number on nothing": 'seed: !!int ""',
    "tag of a boolean on a text": "seed: !!bool hello",
    "tag of a date on a text": "seed: !!timestamp hello",
    "tag of a number on base 60": "seed: !!int 1" + ":59" * 50_000,
    "tag of bytes": "description: !!binary aGVsbG8=",
    "tag of Python": "description: !!python/object/apply:os.system [id]",
    "no such date": "seed: 2001-99-99",
    "half a surrogate pair": 'description: "\\ud800"',
    "half a surrogate pair as a key": '"\\ud800": 1',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refused_with_a_line_for_each_mistake(name: str):
    with pytest.raises(RecipeError) as error:
        parse_recipe(GOOD + HOSTILE[name])
    assert len(error.value.problems) == 1
    assert len(error.value.message) < 500


def test_long_texts_and_tags_of_text_are_texts():
    content, lines = parse_yaml(f"a: {'1' * 101}\nb: !!str 007\nc: 1e-4", "test")
    assert content == {"a": "1" * 101, "b": "007", "c": 1e-4}
    assert lines == {("a",): 1, ("b",): 2, ("c",): 3}


@pytest.mark.timeout(20)
def test_a_recipe_is_a_regular_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
        with pytest.raises(UsageError, match="not a regular file"):
            load_recipe(path)


def test_a_recipe_has_a_bounded_size(tmp_path: Path):
    (tmp_path / "large.yaml").write_text(GOOD + "#" * 1_000_000)
    with pytest.raises(UsageError, match="larger than 1,000,000 bytes"):
        load_recipe(tmp_path / "large.yaml")

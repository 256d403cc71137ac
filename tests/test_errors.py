"""The error tree is what its docstring draws."""

import inspect
import re

import pytest

from ackd_deploy import errors
from ackd_deploy.errors import AckdError, DataError, RecipeError, first_line

CLASSES = {n: c for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, AckdError)}


def test_public_names_are_exactly_the_error_classes_and_one_helper():
    assert sorted(errors.__all__) == errors.__all__
    assert set(errors.__all__) == {*CLASSES, "first_line"}


def test_docstring_draws_every_class_with_its_exit_code():
    drawn = {name: int(code) for name, code in re.findall(r"[├└]── (\w+)\s+(\d)", errors.__doc__)}
    assert drawn == {name: c.exit_code for name, c in CLASSES.items() if name != "AckdError"}


def test_exit_code_of_a_bug_is_no_error_of_the_users():
    assert all(c.exit_code != 1 for name, c in CLASSES.items() if name != "AckdError")


def test_recipe_error_counts_its_problems():
    assert (
        RecipeError("r.yaml", ["a: missing", "b: missing"]).message == "r.yaml: 2 problems\n  a: missing\n  b: missing"
    )
    assert RecipeError("r.yaml", ["a: missing"]).message.startswith("r.yaml: 1 problem\n")


@pytest.mark.parametrize(
    ("message", "expected"),
    [("one", "one"), ("\n  one\r\ntwo", "one"), ("x" * 500, "x" * 300), ("", "ValueError"), (" \n ", "ValueError")],
)
def test_first_line_of_a_foreign_error(message, expected):
    assert first_line(ValueError(message)) == expected


def test_messages_are_cut_wherever_their_text_comes_from():
    error = DataError("\n".join(["x" * 1_000_000] * 1000), hint="y" * 1_000_000)
    assert len(error.message) < 110_000
    assert len(error.message.splitlines()) == 101
    assert len(error.hint or "") < 1100
    assert str(error) == error.message

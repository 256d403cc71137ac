"""The error tree is what its docstring draws."""

import inspect
import re

from ackd_deploy import errors
from ackd_deploy.errors import AckdError, RecipeError

CLASSES = {n: c for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, AckdError)}


def test_public_names_are_exactly_the_error_classes():
    assert sorted(errors.__all__) == errors.__all__
    assert set(errors.__all__) == set(CLASSES)


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

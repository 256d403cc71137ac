"""The template of ``recipe init``: whatever the names are, it reads back with them, or is refused before it exists."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.errors import UsageError
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.recipe.template import recipe_template

names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20).filter(str.isprintable)
awkward = st.one_of(
    names,
    st.sampled_from(
        [
            "data/train #1.csv",
            "a: b.csv",
            "@data.csv",
            "no",
            "2024",
            "1e3",
            "~",
            "'",
            '"',
            "{a}",
            "- x",
            "&a",
            "*a",
            " a ",
        ]
    ),
)


@given(awkward, awkward, awkward, names.filter(lambda name: "/" not in name))
def test_values_read_back_as_they_were_given(train, validation, model, stem):
    recipe = parse_recipe(recipe_template(Path(f"{stem}.yaml"), train=train, validation=validation, model=model))
    assert (recipe.data.train, recipe.data.validation, recipe.teacher.model) == (train, validation, model)


@pytest.mark.parametrize("file", ["a\nb.yaml", "a\udcff.yaml"])
def test_names_that_no_comment_can_hold(file):
    with pytest.raises(UsageError, match="cannot be printed"):
        recipe_template(Path(file), train="a", validation="b", model="c")

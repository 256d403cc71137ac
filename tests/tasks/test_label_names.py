"""The rule for labels' names is the manifest's: what it lets through is taken there, what it refuses is not."""

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ackd_deploy.artifact.schema import Name
from ackd_deploy.tasks.label_names import label_name_problem

MANIFEST = TypeAdapter(Name)


@given(st.text(st.characters(exclude_categories=[]), max_size=210))
@example("a\n")
@example("\ud83d")
@example("x" * 200)
@example("x" * 201)
@example("")
def test_what_the_rule_takes_fits_a_manifest(name):
    try:
        MANIFEST.validate_python(name)
    except ValidationError:
        assert label_name_problem(name)
    else:
        # A blank name fits the pattern of a manifest, and says nothing to anybody.
        assert label_name_problem(name) is None or not name.strip()

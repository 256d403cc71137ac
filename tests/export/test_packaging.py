import pytest

from ackd_deploy.artifact import Columns
from ackd_deploy.export.packaging import data_columns
from ackd_deploy.recipe.sections import Data


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        # What a reader takes without being told is not written: such an artifact is one for older readers too.
        ({}, None),
        ({"text_pair": "text_pair"}, None),
        ({"text": "sentence"}, Columns(text="sentence")),
        ({"text": "q", "text_pair": "a", "label": "gold"}, Columns(text="q", text_pair="a", label="gold")),
        ({"label": ["joy", "fear"], "problem_type": "multi_label_classification"}, Columns(label=["joy", "fear"])),
        ({"label_names": {"0": "no", "1": "yes"}}, Columns(label_names={"0": "no", "1": "yes"})),
        ({"text": "two\nlines"}, None),
    ],
)
def test_columns_of_the_recipe(keys, expected):
    assert data_columns(Data(train="a.csv", validation="b.csv", **keys)) == expected

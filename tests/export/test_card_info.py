"""What the card's metadata say of where a model comes from."""

import pytest

from ackd_deploy.export.card_info import card_info
from ackd_deploy.recipe import parse_recipe


@pytest.mark.parametrize(
    ("method", "precision", "relation"),
    [
        ("ackd", "fp32", "finetune"),
        ("ackd", "int8", "quantized"),
        ("none", "int8", "quantized"),
        ("none", "fp32", None),
    ],
)
def test_the_relation_to_the_base_model(method, precision, relation):
    text = f"""
data: {{train: a.csv, validation: b.csv}}
teacher: {{model: org/classifier}}
distill: {{method: {method}}}
"""
    found = card_info(parse_recipe(text), precision)
    assert (found.base_model, found.base_model_relation) == ("org/classifier", relation)
    assert found.validation == "b.csv"

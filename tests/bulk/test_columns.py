import pytest

from ackd_deploy.artifact import Manifest
from ackd_deploy.bulk.columns import TextColumns, answer_prefix, text_columns
from ackd_deploy.errors import UsageError

PLAIN = {
    "name": "n", "created": "2026-11-22", "problem_type": "single_label_classification", "labels": ["no", "yes"],
    "max_length": 16, "inputs": ["input_ids"], "chosen": "fp32",
    "variants": [{"name": "fp32", "file": "model.onnx", "precision": "fp32"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("manifest", "given", "expected"),
    [
        ({}, (None, None), TextColumns("text", None, refused="text_pair")),
        ({"columns": {"text": "sentence"}}, (None, None), TextColumns("sentence", None, refused="text_pair")),
        ({"columns": {"text": "sentence"}}, ("title", None), TextColumns("title", None)),
        ({"text_pairs": True}, (None, None), TextColumns("text", "text_pair")),
        ({"text_pairs": True, "columns": {"text": "q", "text_pair": "a"}}, (None, "b"), TextColumns("q", "b")),
    ],
)
def test_options_come_before_the_artifact_and_that_before_the_usual_names(manifest, given, expected):
    assert text_columns(Manifest.model_validate({**PLAIN, **manifest}), *given) == expected


def test_columns_that_cannot_be():
    with pytest.raises(UsageError, match="single texts"):
        text_columns(Manifest.model_validate(PLAIN), None, "b")
    with pytest.raises(UsageError, match="both texts"):
        text_columns(Manifest.model_validate({**PLAIN, "text_pairs": True}), "a", "a")


def test_answers_have_names_of_their_own():
    assert answer_prefix(["id", "text"]) == ""
    # The gold label stays under its name.
    assert answer_prefix(["text", "label"]) == "predicted_"
    assert answer_prefix(["text", "label"], "model_") == "model_"
    for columns, given in ((["label", "predicted_score"], None), (["label"], "")):
        with pytest.raises(UsageError, match="columns that the answers are to have"):
            answer_prefix(columns, given)

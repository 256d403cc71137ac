import pytest
from pydantic import ValidationError

from ackd_deploy.artifact import Golden, Manifest, VariantInfo

FP32 = {"name": "fp32", "file": "model.onnx", "precision": "fp32"}
PLAIN = {
    "name": "n", "created": "2026-11-22", "problem_type": "single_label_classification", "labels": ["no", "yes"],
    "max_length": 16, "inputs": ["input_ids", "attention_mask"], "chosen": "fp32", "variants": [FP32],
}  # fmt: skip

DECISION = {"thresholds": {"yes": 0.3}, "metric": "f1:yes", "rows": 40}

ABSTAIN = {
    "threshold": 0.7, "target": "coverage", "goal": 0.5, "rows": 100, "validation_rows": 200,
    "coverage": 0.5, "coverage_interval": [0.4, 0.6], "precision": 0.9, "precision_interval": [0.8, 0.95],
}  # fmt: skip


def test_defaults():
    manifest = Manifest.model_validate(PLAIN)
    assert manifest.temperature == 1.0
    assert manifest.variant().name == "fp32"
    assert manifest.fallback() == VariantInfo(**FP32)
    assert Manifest.model_validate(manifest.model_dump(mode="json")) == manifest


def test_an_optional_part_is_written_where_it_says_something():
    """Readers from before it take artifacts without it, and refuse those with it."""
    assert "long_texts" not in Manifest.model_validate(PLAIN).model_dump(mode="json")
    manifest = Manifest.model_validate({**PLAIN, "long_texts": {"mode": "windows", "max_windows": 4}})
    assert manifest.model_dump(mode="json")["long_texts"]["max_windows"] == 4
    assert Manifest.model_validate(manifest.model_dump(mode="json")) == manifest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["a", "a"]}, "labels must differ"),
        ({"labels": ["only"]}, "at least two labels"),
        ({"labels": []}, "at least 1"),
        ({"labels": [str(index) for index in range(10_001)]}, "at most 10000"),
        ({"labels": ["a", "b\x1b[2J"]}, "pattern"),
        ({"labels": ["a", "b\u202e"]}, "pattern"),
        ({"chosen": "int8"}, "none of the variants"),
        ({"variants": []}, "at least 1"),
        ({"variants": [FP32, FP32]}, "differ"),
        ({"variants": [FP32, {**FP32, "name": "other"}]}, "files must differ"),
        ({"variants": [{**FP32, "file": "../model.onnx"}]}, "pattern"),
        ({"variants": [{**FP32, "engine": "python"}]}, "onnxruntime"),
        ({"text_pairs": True, "long_texts": {"mode": "windows"}}, "single texts alone"),
        ({"long_texts": {"mode": "cut"}}, "head_tail"),
        ({"inputs": ["attention_mask"]}, "input_ids"),
        ({"inputs": ["input_ids", "pixel_values"]}, "token_type_ids"),
        ({"max_length": 3}, "greater than or equal to 4"),
        ({"max_length": "16"}, "valid integer"),
        ({"temperature": 0}, "greater than 0"),
        ({"temperature": float("nan")}, "finite"),
        ({"schema_version": 2}, "1"),
        ({"problem_type": "token_classification"}, "single_label"),
        ({"surprise": 1}, "not permitted"),
        ({"files": {"a": "xyz"}}, "pattern"),
        ({"files": {"/etc/passwd": "0" * 64}}, "pattern"),
        ({"decision": DECISION | {"thresholds": {"maybe": 0.3}}}, "thresholds do not match"),
        ({"decision": DECISION | {"thresholds": {"no": 0.3, "yes": 0.3}}}, "thresholds do not match"),
        ({"decision": DECISION | {"thresholds": {}}}, "thresholds do not match"),
        ({"decision": DECISION | {"thresholds": {"yes": 1.1}}}, "less than or equal to 1"),
        ({"decision": DECISION, "labels": ["no", "yes", "maybe"]}, "two labels"),
        ({"decision": DECISION, "problem_type": "regression", "labels": ["yes"]}, "decides nothing"),
        ({"decision": {}}, "decides nothing"),
        ({"decision": {"thresholds": {"yes": 0.3}}}, "without the metric"),
        ({"decision": {"abstain": ABSTAIN | {"target": "recall"}}}, "precision"),
        ({"decision": {"abstain": ABSTAIN | {"coverage_interval": [0.5]}}}, "at least 2"),
        ({"decision": {"abstain": ABSTAIN | {"threshold": 1.5}}}, "less than or equal to 1"),
        ({"decision": DECISION, "problem_type": "multi_label_classification"}, "thresholds do not match"),
        ({"golden": [{"text": "a", "label": "no", "scores": [1.0]}]}, "golden"),
        ({"golden": [{"text": "a", "label": "maybe", "scores": [1.0, 0.0]}]}, "golden"),
        ({"golden": [{"text": "a", "pair": "b", "label": "no", "scores": [1.0, 0.0]}]}, "pair"),
    ],
)
def test_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate({**PLAIN, **change})


def test_optional_parts_are_left_out_where_absent():
    plain = Manifest.model_validate(PLAIN).model_dump(mode="json")
    assert not {"columns", "decision"} & set(plain)
    decided = Manifest.model_validate({**PLAIN, "decision": DECISION})
    assert decided.model_dump(mode="json")["decision"] == DECISION
    assert decided.accepts_from is None
    abstaining = Manifest.model_validate({**PLAIN, "decision": {"abstain": ABSTAIN}})
    assert abstaining.model_dump(mode="json")["decision"] == {"abstain": ABSTAIN}
    assert abstaining.accepts_from == 0.7
    assert Manifest.model_validate(decided.model_dump(mode="json")) == decided
    named = Manifest.model_validate({**PLAIN, "columns": {"text": "sentence", "label": ["a", "b"]}})
    assert named.model_dump(mode="json")["columns"] == {"text": "sentence", "label": ["a", "b"]}
    assert Manifest.model_validate(named.model_dump(mode="json")) == named


def test_regression_has_one_label_and_fallback_needs_no_feature():
    gated = {**FP32, "cpu_features": ["vnni"]}
    manifest = Manifest.model_validate(
        {**PLAIN, "problem_type": "regression", "labels": ["score"], "variants": [gated]}
    )
    assert manifest.fallback() is None
    with pytest.raises(KeyError):
        manifest.variant("other")


def test_golden_scores_are_finite():
    with pytest.raises(ValidationError):
        Golden(text="a", label="no", scores=[float("inf")])

import pytest

from ackd_deploy.artifact.code_keys import code_keys


@pytest.mark.parametrize(
    "config",
    [
        {"_attn_implementation_internal": "somebody/kernel"},
        {"_attn_implementation_internal": "sdpa"},
        {"attn_implementation": "kernels-community/flash-attn"},
        {"_attn_implementation": {"": "eager", "text_config": "somebody/kernel"}},
        {"_experts_implementation": "somebody/kernel"},
        {"auto_map": {"AutoConfig": "configuration_x.X"}},
        {"custom_pipelines": {"x": {"impl": "y.Z"}}},
        {"quantization_config": {"quant_method": "gptq"}},
        {"text_config": {"auto_map": {"AutoConfig": "x.Y"}}},
        {"list": [{"use_kernels": True}]},
    ],
)
def test_keys_that_import_code_are_found_wherever_they_stand(config):
    assert len(list(code_keys({"model_type": "bert", **config}))) == 1


def test_what_transformers_writes_itself_passes():
    plain = {
        "attn_implementation": "sdpa",
        "_attn_implementation_autoset": True,
        "auto_map": None,
        "use_kernels": False,
        "id2label": {"0": "no"},
        "architectures": ["BertForSequenceClassification"],
    }
    assert list(code_keys(plain)) == []

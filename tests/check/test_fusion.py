import pytest

from ackd_deploy.check.fusion import expected_fusion, fusion_gate, knows_fusion

WHOLE = {"Attention": 3, "SkipLayerNormalization": 6, "BiasGelu": 3, "EmbedLayerNormalization": 1}


def test_a_whole_bert_passes():
    assert fusion_gate("fp32", WHOLE, expected_fusion("bert", 3)).verdict == "pass"


@pytest.mark.parametrize("kind", ["Attention", "SkipLayerNormalization", "BiasGelu", "EmbedLayerNormalization"])
def test_one_node_missing_fails_and_is_named(kind):
    result = fusion_gate("fp32", {**WHOLE, kind: WHOLE[kind] - 1}, expected_fusion("bert", 3))
    assert result.verdict == "fail"
    # 13 nodes are expected; one of them is not there.
    assert result.figure == pytest.approx(12 / 13)
    assert result.detail == f"{kind.removeprefix('Bias')} {WHOLE[kind] - 1} of {WHOLE[kind]}"


def test_all_forms_of_gelu_count():
    counts = {**WHOLE, "BiasGelu": 1, "Gelu": 1, "FastGelu": 1}
    assert fusion_gate("fp32", counts, expected_fusion("electra", 3)).verdict == "pass"


def test_more_than_expected_is_fine():
    # ELECTRA's head has a Gelu of its own.
    assert fusion_gate("fp32", {**WHOLE, "Gelu": 1}, expected_fusion("electra", 3)).verdict == "pass"


def test_where_fusion_is_not_required_the_figure_only_informs():
    result = fusion_gate("fp32", {}, expected_fusion("bert", 3), required=False)
    assert (result.verdict, result.figure) == ("info", 0.0)


def test_families_differ_in_what_can_be_fused():
    assert expected_fusion("roberta", 2)["EmbedLayerNormalization"] == 0
    assert expected_fusion("mpnet", 2)["Attention"] == 0
    assert expected_fusion("distilbert", 2) == {
        "Attention": 2,
        "SkipLayerNormalization": 4,
        "Gelu": 2,
        "EmbedLayerNormalization": 1,
    }


@pytest.mark.parametrize(
    ("family", "known"), [("bert", True), ("xlm-roberta", True), ("deberta-v2", False), ("x", False)]
)
def test_only_what_the_optimizer_knows_can_be_demanded(family, known):
    assert knows_fusion(family) is known

"""The fusion gate: were all layers fused? Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ackd_deploy.check.gates import GateResult

__all__ = ["expected_fusion", "fusion_gate", "knows_fusion"]

# Families whose layers ONNX Runtime's BERT optimizer fuses whole, as tests/export/test_graph.py tries.
_KNOWN = frozenset({"bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"})
# Families whose position ids are computed from the input: the optimizer leaves their embeddings alone.
_PLAIN_EMBEDDINGS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})
# MPNet adds a relative position bias inside attention, which is not the pattern of the fused operator.
_PLAIN_ATTENTION = frozenset({"mpnet"})
_GELUS = ("BiasGelu", "Gelu", "FastGelu")


def knows_fusion(model_type: str) -> bool:
    """Tell whether ONNX Runtime's optimizer knows the layers of a family: of others it may fuse parts, or nothing."""
    return model_type in _KNOWN


def expected_fusion(model_type: str, layers: int) -> dict[str, int]:
    """Return the fused nodes that a model of this family must have, by kind; Gelu stands for all its forms.

    For families that the optimizer does not know, they are what a BERT would have.
    """
    return {
        "Attention": 0 if model_type in _PLAIN_ATTENTION else layers,
        # Two LayerNorms a layer follow a residual sum.
        "SkipLayerNormalization": 2 * layers,
        "Gelu": layers,
        "EmbedLayerNormalization": 0 if model_type in _PLAIN_EMBEDDINGS else 1,
    }


def fusion_gate(
    variant: str, counts: Mapping[str, int], expected: Mapping[str, int], *, required: bool = True
) -> GateResult:
    """Compare the fused nodes with what is expected; the figure is the share of expected nodes that are there."""
    found = {**counts, "Gelu": sum(counts.get(name, 0) for name in _GELUS)}
    missing = {kind: (found.get(kind, 0), wanted) for kind, wanted in expected.items() if found.get(kind, 0) < wanted}
    total = sum(expected.values())
    present = sum(min(found.get(kind, 0), wanted) for kind, wanted in expected.items())
    share = present / total if total else 1.0
    detail = ", ".join(f"{kind} {have} of {wanted}" for kind, (have, wanted) in missing.items())
    if not required:
        return GateResult("fusion", variant, "info", share, None, total, None, detail)
    return GateResult("fusion", variant, "fail" if missing else "pass", share, 1.0, total, None, detail)

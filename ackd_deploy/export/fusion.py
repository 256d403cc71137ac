"""ONNX Runtime's BERT optimizer, and a count of what it fused: it fuses what it knows and is silent about the rest."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from ackd_deploy.export.foreign import foreign
from ackd_deploy.export.graph import Graph

__all__ = ["FUSED_OPERATORS", "count_fused", "fuse"]

FUSED_OPERATORS = (
    "Attention",
    "MultiHeadAttention",
    "SkipLayerNormalization",
    "LayerNormalization",
    "EmbedLayerNormalization",
    "BiasGelu",
    "Gelu",
    "FastGelu",
)


def fuse(graph: Graph, target: Path, *, embeddings: bool = True) -> dict[str, int]:
    """Write the fused graph and return how many nodes of each fused kind it has.

    Args:
        graph: the exported one.
        target: the file to write.
        embeddings: also fuse the embeddings with their LayerNorm; off where they are to be quantized.
    """
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    options.enable_embed_layer_norm = embeddings
    logger = logging.getLogger("onnxruntime.transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # opt_level 0: the Python fusions alone. ONNX Runtime's own levels would bake this machine's kernels in.
        with foreign():
            optimized = optimize_model(
                str(graph.path),
                model_type="bert",
                num_heads=graph.heads,
                hidden_size=graph.hidden,
                optimization_options=options,
                opt_level=0,
            )
    finally:
        logger.setLevel(level)
    optimized.save_model_to_file(str(target))
    return count_fused(target)


def count_fused(path: Path) -> dict[str, int]:
    """Count the fused operators of a graph; kinds that do not occur are left out."""
    import onnx

    counts = Counter(node.op_type for node in onnx.load(path).graph.node)
    return {name: counts[name] for name in FUSED_OPERATORS if counts[name]}

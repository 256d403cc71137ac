"""ONNX Runtime's BERT optimizer, and a count of what it fused: it fuses what it knows and is silent about the rest."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

from ackd_deploy.check.fusion import knows_fusion
from ackd_deploy.export.foreign import ForeignFailure, GraphSession, foreign
from ackd_deploy.export.graph import Graph

__all__ = ["FUSED_OPERATORS", "count_fused", "fuse", "fuse_or_copy"]

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
    # Of families that it does not know it says much, some of it on stdout, where results belong.
    loggers = [logging.getLogger(name) for name in ("onnxruntime.transformers", "onnxruntime.tools")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        # opt_level 0: the Python fusions alone. ONNX Runtime's own levels would bake this machine's kernels in.
        with foreign(), redirect_stdout(StringIO()):
            optimized = optimize_model(
                str(graph.path),
                model_type="bert",
                num_heads=graph.heads,
                hidden_size=graph.hidden,
                optimization_options=options,
                opt_level=0,
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    optimized.save_model_to_file(str(target))
    return count_fused(target)


def fuse_or_copy(graph: Graph, target: Path) -> tuple[dict[str, int], str]:
    """Write the fused graph; of a family that the optimizer does not know, the exported one where fusing breaks it.

    Returns:
        What is fused, as `fuse` says it, and a note where nothing was.

    Raises:
        ForeignFailure: the optimizer fails on a family that it knows.
    """
    if knows_fusion(graph.model_type):
        return fuse(graph, target), ""
    try:
        counts = fuse(graph, target)
        if _same_answers(graph, target):
            return counts, ""
        problem = "its answers would change"
    except ForeignFailure as failure:
        problem = str(failure)
    shutil.copyfile(graph.path, target)
    return count_fused(target), f"not fused: {problem}"


def _same_answers(graph: Graph, fused: Path) -> bool:
    """Tell whether two graphs agree on a padded batch of ids that each vocabulary has; the gates look closer."""
    ids = np.random.default_rng(0).integers(0, 5, size=(3, 11))
    mask = np.ones_like(ids)
    mask[-1, 6:] = 0
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    feed = {name: feed[name] for name in graph.inputs}
    raw, ours = (GraphSession(str(path)).run(["logits"], feed)[0] for path in (graph.path, fused))
    return bool(np.allclose(raw, ours, rtol=1e-3, atol=1e-4))


def count_fused(path: Path) -> dict[str, int]:
    """Count the fused operators of a graph; kinds that do not occur are left out."""
    import onnx

    counts = Counter(node.op_type for node in onnx.load(path).graph.node)
    return {name: counts[name] for name in FUSED_OPERATORS if counts[name]}

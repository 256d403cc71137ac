"""The metadata block of a model card, by the conventions of the Hugging Face hub."""

from __future__ import annotations

from typing import Any

from ackd_deploy.artifact.schema import Manifest
from ackd_deploy.tasks.metric_names import CLASS_F1, metric_name

__all__ = ["card_metadata"]

# Ids of the hub's `evaluate` metrics, where they differ from ours.
_HUB_METRICS = {
    "macro_f1": "f1", "micro_f1": "f1", "weighted_f1": "f1", "samples_f1": "f1", "mcc": "matthews_correlation",
    "pearson": "pearsonr", "spearman": "spearmanr",
}  # fmt: skip


def card_metadata(manifest: Manifest) -> dict[str, Any]:
    """Return the block as a mapping. What the manifest does not say is left out rather than guessed.

    Source: huggingface.co/docs/hub/model-cards (language, license, base_model and its relation, datasets, metrics,
    model-index as in Papers with Code's format).
    """
    card, quality = manifest.card, manifest.quality
    method = manifest.provenance.get("method")
    distilled = ["distillation"] if method not in (None, "finetune") else []
    found: dict[str, Any] = {
        "language": card.language if card else None,
        "license": card.license if card else None,
        "base_model": card.base_model if card else None,
        "base_model_relation": card.base_model_relation if card else None,
        "datasets": card.datasets if card else None,
        "library_name": "onnx",
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "onnx", *distilled, "ackd-deploy"],
        "metrics": sorted({_hub_metric(name) for name in quality.metrics}) or None if quality else None,
        "model-index": _model_index(manifest),
    }
    return {name: value for name, value in found.items() if value is not None}


def _hub_metric(name: str) -> str:
    return "f1" if name.startswith(CLASS_F1) else _HUB_METRICS.get(name, name)


def _model_index(manifest: Manifest) -> list[dict[str, Any]] | None:
    quality = manifest.quality
    if quality is None:
        return None
    rows = manifest.card.validation if manifest.card else "validation"
    on_hub = manifest.card is not None and rows in (manifest.card.datasets or ())
    result = {
        "task": {"type": "text-classification", "name": "Text Classification"},
        "dataset": {"type": rows if on_hub else "local", "name": rows, "split": "validation"},
        "metrics": [
            {"type": _hub_metric(name), "name": metric_name(name).title, "value": float(f"{value:.4g}")}
            for name, value in quality.metrics.items()
        ],
    }
    return [{"name": manifest.name, "results": [result]}]

"""Tiny random classifiers of the families that the exporter must handle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FAMILIES = ("bert", "distilbert", "roberta", "electra", "mpnet")
LABELS = {0: "negative", 1: "positive"}


def make_model(
    family: str,
    *,
    layers: int = 2,
    vocab_size: int = 120,
    labels: dict[int, str] | None = None,
    problem_type: str = "single_label_classification",
) -> Any:
    """A classifier 32 wide with random weights, in eval mode."""
    import torch
    import transformers as hf

    names = LABELS if labels is None else labels
    common: dict[str, Any] = {
        "vocab_size": vocab_size,
        "max_position_embeddings": 66,
        "id2label": names,
        "label2id": {name: index for index, name in names.items()},
        "pad_token_id": 1 if family in ("roberta", "mpnet") else 0,
        "problem_type": problem_type,
    }
    wide = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 4, "intermediate_size": 64}
    torch.manual_seed(3)
    if family == "bert":
        model = hf.BertForSequenceClassification(hf.BertConfig(**common, **wide))
    elif family == "roberta":
        model = hf.RobertaForSequenceClassification(hf.RobertaConfig(**common, **wide, type_vocab_size=1))
    elif family == "electra":
        model = hf.ElectraForSequenceClassification(hf.ElectraConfig(**common, **wide, embedding_size=32))
    elif family == "mpnet":
        model = hf.MPNetForSequenceClassification(hf.MPNetConfig(**common, **wide))
    else:
        narrow = {"dim": 32, "n_layers": layers, "n_heads": 4, "hidden_dim": 64}
        model = hf.DistilBertForSequenceClassification(hf.DistilBertConfig(**common, **narrow))
    # Random heads answer alike to every text; wider weights make differences that a fault can show in.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embedding" not in name:
                parameter.mul_(4.0)
    return model.eval()


def save_model(family: str, folder: Path, **options: Any) -> Path:
    """Save such a classifier as a folder without a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    make_model(family, **options).save_pretrained(folder)
    return folder

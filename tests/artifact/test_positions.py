"""The limit of each family, against the model itself: a text at the limit runs, one beyond fails."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from ackd_deploy.artifact.positions import text_positions

SIZE = 24
FAMILIES = (
    "albert",
    "bert",
    "camembert",
    "convbert",
    "data2vec-text",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "ibert",
    "mobilebert",
    "mpnet",
    "rembert",
    "roberta",
    "roberta-prelayernorm",
    "squeezebert",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)


def runs(model: object, tokens: int) -> bool:
    import torch

    ids = torch.full((1, tokens), 9)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model(input_ids=ids, attention_mask=torch.ones_like(ids))  # type: ignore[operator]
    except (IndexError, RuntimeError, ValueError):
        return False
    return True


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # DeBERTa's module
@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_itself_runs_at_the_limit_and_not_beyond(family: str, padding: int, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForSequenceClassification

    narrow = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    if family == "distilbert":
        narrow = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
    if family == "xmod":
        narrow |= {"languages": ["en_XX"], "default_language": "en_XX"}  # type: ignore[dict-item]
    config = AutoConfig.for_model(
        family,
        vocab_size=50,
        embedding_size=16,
        max_position_embeddings=SIZE,
        pad_token_id=padding,
        bos_token_id=4,
        eos_token_id=2,
        **narrow,
    )
    model = AutoModelForSequenceClassification.from_config(config).eval()
    config.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    limit = text_positions(written)
    assert limit is not None
    assert text_positions(config.to_dict()) == limit
    assert runs(model, limit)
    assert not runs(model, limit + 1)


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "camembert", "mpnet", "longformer"])
def test_a_configuration_without_padding_is_read_as_transformers_does(family: str) -> None:
    from transformers import AutoConfig

    written = {"model_type": family, "max_position_embeddings": 514}
    assert text_positions(written) == text_positions(AutoConfig.for_model(**written).to_dict()) == 512


@pytest.mark.parametrize("size", [None, -1, 0, True, "514", 5.0])
def test_no_table_of_positions(size: object) -> None:
    assert text_positions({"model_type": "bert", "max_position_embeddings": size}) is None
    assert text_positions({}) is None

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.training_fixtures import new_run, one_thread, recipe

__all__ = ["new_run", "one_thread", "recipe"]


@pytest.fixture(scope="session")
def masked_folder(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 2-layer BERT of random weights with its masked-language head, and the tiny teacher's tokenizer."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    folder = tmp_path_factory.mktemp("masked")
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(tiny_teacher / name, folder)
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len((folder / "vocab.txt").read_text().splitlines()),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder

"""Tiny random classifiers of every family, each with a tokenizer of the kind that its real models have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import SENTENCES

LABELS = {0: "negative", 1: "positive"}
WIDTH = 16


@dataclass(frozen=True)
class Family:
    """How the models of a family are told apart: classes, sizes, special tokens, tokenizer."""

    name: str
    model: str
    tokenizer: str
    special: tuple[str, ...]
    """Beginning, end, padding, unknown; ids by ``order``."""
    order: tuple[int, ...] = (2, 3, 0, 1)
    extra: tuple[tuple[str, Any], ...] = ()


_BERT = ("[CLS]", "[SEP]", "[PAD]", "[UNK]")
_ROBERTA = ("<s>", "</s>", "<pad>", "<unk>")
_FAMILIES = (
    Family("bert", "Bert", "wordpiece", _BERT),
    Family("distilbert", "DistilBert", "wordpiece", _BERT),
    Family("electra", "Electra", "wordpiece", _BERT, extra=(("embedding_size", 8),)),
    Family("mpnet", "MPNet", "wordpiece", _ROBERTA, (0, 2, 1, 3)),
    Family("roberta", "Roberta", "bytes", _ROBERTA, (0, 2, 1, 3), (("type_vocab_size", 1),)),
    Family("xlm-roberta", "XLMRoberta", "unigram", _ROBERTA, (0, 2, 1, 3), (("type_vocab_size", 1),)),
    Family("albert", "Albert", "unigram", _BERT, (2, 3, 0, 1), (("embedding_size", 8),)),
    Family(
        "deberta",
        "Deberta",
        "bytes",
        _BERT,
        (1, 2, 0, 3),
        (("relative_attention", True), ("pos_att_type", ["c2p", "p2c"]), ("type_vocab_size", 0)),
    ),
    Family(
        "deberta-v2",
        "DebertaV2",
        "unigram",
        _BERT,
        (1, 2, 0, 3),
        # As DeBERTa-v3 has it.
        (
            ("relative_attention", True),
            ("position_buckets", 16),
            ("norm_rel_ebd", "layer_norm"),
            ("share_att_key", True),
            ("pos_att_type", ["p2c", "c2p"]),
            ("position_biased_input", False),
            ("type_vocab_size", 0),
        ),
    ),
    Family(
        "modernbert",
        "ModernBert",
        "bytes",
        _BERT,
        (1, 2, 3, 0),
        (("global_attn_every_n_layers", 2), ("local_attention", 16)),
    ),
)
FAMILIES = {family.name: family for family in _FAMILIES}


def save_family(name: str, folder: Path, *, layers: int = 3, width: int = WIDTH, head: float = 4.0) -> Path:
    """Save a classifier with random weights and its tokenizer.

    Args:
        name: of the family.
        folder: to write.
        layers: of the encoder.
        width: of the hidden states.
        head: what the weights are multiplied by, so that answers differ from text to text.
    """
    import torch
    import transformers

    family = FAMILIES[name]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _save_tokenizer(family, folder)
    begin, end, padding, _ = family.order
    heads, inner = 2, 2 * width
    sizes = (
        {"dim": width, "n_layers": layers, "n_heads": heads, "hidden_dim": inner}
        if name == "distilbert"
        else {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": inner,
        }
    )
    config = getattr(transformers, f"{family.model}Config")(
        vocab_size=vocabulary,
        max_position_embeddings=40,
        pad_token_id=padding,
        bos_token_id=begin,
        eos_token_id=end,
        cls_token_id=begin,
        sep_token_id=end,
        id2label=LABELS,
        label2id={label: index for index, label in LABELS.items()},
        problem_type="single_label_classification",
        **sizes,
        **dict(family.extra),
    )
    torch.manual_seed(5)
    model = getattr(transformers, f"{family.model}ForSequenceClassification")(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in key:
                parameter.mul_(head)
    model.save_pretrained(folder)
    return folder


def _save_tokenizer(family: Family, folder: Path) -> int:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    begin, end, padding, unknown = family.special
    special = [token for _, token in sorted(zip(family.order, family.special, strict=True))]
    common: dict[str, Any] = {"vocab_size": 160, "special_tokens": special, "show_progress": False}
    trainer: Any
    if family.tokenizer == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(**common)
    elif family.tokenizer == "bytes":
        tokenizer = Tokenizer(models.BPE(unk_token=unknown))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(**common)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(**common, unk_token=unknown)
    tokenizer.train_from_iterator([text for text, _ in SENTENCES] * 4, trainer)
    ids = [(token, tokenizer.token_to_id(token)) for token in (begin, end)]
    pair = f"{begin} $A {end} $B:1 {end}:1" if begin == "[CLS]" else f"{begin} $A {end} {end} $B {end}"
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin} $A {end}", pair=pair, special_tokens=ids)
    assert [tokenizer.token_to_id(token) for token in family.special] == list(family.order)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=begin,
        cls_token=begin,
        eos_token=end,
        sep_token=end,
        pad_token=padding,
        unk_token=unknown,
        model_max_length=36,
    ).save_pretrained(folder)
    assert json.loads((folder / "tokenizer.json").read_text())["truncation"] is None
    return int(tokenizer.get_vocab_size())

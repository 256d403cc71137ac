"""Builds real artifacts of random weights for tests: real graphs by torch.onnx, a real WordPiece tokenizer."""

from __future__ import annotations

import json
import shutil
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from ackd_deploy.artifact import Decision, Golden, Manifest, Quality, VariantInfo, write_artifact
from ackd_deploy.models.reader_files import settle_length

SENTENCES = [
    "a warm and funny film about friendship",
    "the plot is dull and the jokes are stale",
    "an elegant story told with rare patience",
    "two hours that feel like a wet afternoon",
    "the actors shine in every single scene",
    "noisy , empty and far too long !",
    "i laughed , i cried , i would see it again .",
    "nothing in this mess makes any sense ?",
]
MAX_LENGTH = 24
# As a checkpoint has it from a training of its own.
TOKENIZER_CONFIG = {
    "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512, "max_length": 128,
    "pad_to_multiple_of": 64, "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}  # fmt: skip


def write_tokenizer(folder: Path) -> int:
    """Train a WordPiece tokenizer on our own sentences, write tokenizer.json and vocab.txt, return its size."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(SENTENCES * 4, vocab_size=160, min_frequency=1, show_progress=False)
    tokenizer.save_model(str(folder))
    # Reopened: a tokenizer fresh from training has no [CLS] and [SEP] around its texts.
    vocabulary = {token: index for index, token in enumerate((folder / "vocab.txt").read_text().splitlines())}
    reopened = BertWordPieceTokenizer(vocabulary, lowercase=True)
    # What a checkpoint carries from its own training: no reader may follow it.
    reopened.enable_truncation(512)
    reopened.enable_padding(length=128)
    reopened.save(str(folder / "tokenizer.json"))
    return int(reopened.get_vocab_size())


def torch_model(architecture: str, vocabulary: int, labels: int) -> Any:
    """Return a two-layer classifier of random weights, large enough in scale that texts differ."""
    import torch
    from transformers import AutoModelForSequenceClassification, BertConfig, DistilBertConfig

    torch.manual_seed(3)
    common = {"vocab_size": vocabulary, "max_position_embeddings": 32, "num_labels": labels, "pad_token_id": 0}
    config: Any
    if architecture == "bert":
        config = BertConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            initializer_range=0.3, attn_implementation="eager", **common,
        )  # fmt: skip
    else:
        config = DistilBertConfig(
            dim=32, n_layers=2, n_heads=4, hidden_dim=64, initializer_range=0.3, attn_implementation="eager", **common
        )
    return AutoModelForSequenceClassification.from_config(config).eval()


def export_graph(model: Any, path: Path, inputs: list[str]) -> None:
    """Export with dynamic batch and sequence, inputs and output by name."""
    import torch

    class Positional(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: Any) -> Any:
            return self.model(**dict(zip(inputs, tensors, strict=True))).logits

    sample = torch.ones((2, 7), dtype=torch.int64)
    axes = {name: {0: "batch", 1: "sequence"} for name in inputs} | {"logits": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Positional(), tuple(sample.clone() for _ in inputs), str(path), input_names=inputs,
            output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip


@cache
def _parts(architecture: str, labels: int, scratch: Path) -> tuple[Path, list[str]]:
    """Export once for each shape of model; artifacts are copies."""
    folder = scratch / f"{architecture}-{labels}"
    folder.mkdir(parents=True)
    vocabulary = write_tokenizer(folder)
    inputs = ["input_ids", "attention_mask"] + (["token_type_ids"] if architecture == "bert" else [])
    model = torch_model(architecture, vocabulary, labels)
    export_graph(model, folder / "model_fp32.onnx", inputs)
    model.save_pretrained(folder / "torch", safe_serialization=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(folder / "model_fp32.onnx", folder / "model_int8.onnx", weight_type=QuantType.QInt8)
    return folder, inputs


def build_artifact(
    final: Path,
    scratch: Path,
    *,
    architecture: str = "bert",
    problem_type: str = "single_label_classification",
    labels: tuple[str, ...] = ("negative", "positive"),
    pairs: bool = False,
    temperature: float = 1.0,
    chosen: str = "fp32",
    cpu_features: tuple[str, ...] = (),
    golden: bool = True,
    decision: Decision | None = None,
) -> Path:
    """Write an artifact with variants fp32 and int8_dynamic (row by row) and golden samples of its own."""
    from ackd_deploy.runtime import Classifier

    parts, inputs = _parts(architecture, len(labels), scratch)
    config = json.loads((parts / "torch" / "config.json").read_text())
    config.pop("id2label", None)
    config.pop("label2id", None)
    config |= {
        "problem_type": problem_type,
        "id2label": {str(index): name for index, name in enumerate(labels)},
        "label2id": {name: index for index, name in enumerate(labels)},
    }
    files = {"fp32": "model.onnx", "int8_dynamic": "onnx/model_int8.onnx"}
    if chosen != "fp32":
        files = {"fp32": "onnx/model_fp32.onnx", "int8_dynamic": "model.onnx"}

    def manifest(samples: list[Golden]) -> Manifest:
        return Manifest(
            name="tiny",
            created="2026-11-22T00:00:00+00:00",
            problem_type=problem_type,
            labels=list(labels),
            max_length=MAX_LENGTH,
            inputs=inputs,
            text_pairs=pairs,
            temperature=temperature,
            quality=Quality(metric="accuracy", value=0.875, rows=32, metrics={"accuracy": 0.875}),
            chosen=chosen,
            variants=[
                VariantInfo(name="fp32", file=files["fp32"], precision="fp32"),
                VariantInfo(
                    name="int8_dynamic",
                    file=files["int8_dynamic"],
                    precision="int8",
                    batch_sensitive=True,
                    cpu_features=list(cpu_features),
                ),
            ],
            golden=samples,
            decision=decision,
            provenance={"method": "ackd", "teacher": "random weights"},
        )

    def fill(folder: Path, samples: list[Golden]) -> Manifest:
        (folder / "onnx").mkdir()
        shutil.copyfile(parts / "model_fp32.onnx", folder / files["fp32"])
        shutil.copyfile(parts / "model_int8.onnx", folder / files["int8_dynamic"])
        for name in ("tokenizer.json", "vocab.txt"):
            shutil.copyfile(parts / name, folder / name)
        (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG))
        (folder / "config.json").write_text(json.dumps(config, indent=2))
        settle_length(folder, MAX_LENGTH)
        return manifest(samples)

    write_artifact(final, lambda folder: fill(folder, []))
    if golden:
        texts = list(zip(SENTENCES, reversed(SENTENCES), strict=True)) if pairs else SENTENCES
        # A variant that needs a feature which is missing here would refuse to run by name.
        runnable = chosen if not cpu_features else None
        predictions = Classifier.load(final, threads=1, variant=runnable).classify(texts)
        samples = [
            Golden(
                text=text if isinstance(text, str) else text[0],
                pair=None if isinstance(text, str) else text[1],
                label=prediction.label,
                scores=list(prediction.scores.values()),
            )
            for text, prediction in zip(texts, predictions, strict=True)
        ]
        write_artifact(final, lambda folder: fill(folder, samples))
    return final

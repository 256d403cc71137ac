"""What distilling many rows costs in memory.

    python bench/memory.py SST2/train.tsv [--rows 1000000] [--steps 200] [--json FILE]

Repeats real rows until there are enough, and distills them with ACKD as the command line does: read, tokenize, fill the
teacher bank, train. The teacher is random and has MiniLM's width and three layers without much inside them, so that the
bank is as large as MiniLM's and is filled in minutes. Prints the peak resident memory of the whole process, mapped
pages included, beside the sizes on disk.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import tempfile
from pathlib import Path
from typing import Any

from ackd_deploy.distill import distill_run
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import Run, package_versions

RECIPE = """\
name: memory
data: {{train: {folder}/train.tsv, validation: {folder}/validation.tsv, text: sentence, max_length: 64}}
teacher: {{model: {folder}/teacher}}
student: {{layers: 3}}
distill: {{epochs: {epochs}, checkpoint_steps: 1000000}}
"""


def write_teacher(folder: Path, texts: list[str]) -> int:
    """Write a random 3-layer BERT of MiniLM's width and vocabulary size; return its number of parameters."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=30522, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=3, num_attention_heads=12)
    config.intermediate_size = 16
    config.id2label, config.label2id = {0: "0", 1: "1"}, {"0": 0, "1": 1}
    model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    return sum(p.numel() for p in model.parameters())


def measure(source: Path, rows: int, steps: int, folder: Path) -> dict[str, Any]:
    header, *lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    with (folder / "train.tsv").open("w", encoding="utf-8") as stream:
        stream.write(header)
        stream.writelines(itertools.islice(itertools.cycle(lines), rows))
    (folder / "validation.tsv").write_text("".join([header, *lines[:500]]), encoding="utf-8")
    parameters = write_teacher(folder / "teacher", [line.rpartition("\t")[0] for line in lines])
    recipe = parse_recipe(RECIPE.format(folder=folder, epochs=steps * 32 / rows))
    run = Run.open(folder / "run", recipe)
    with run.lock():
        distill_run(run, device="cpu")
    sizes = {
        name: sum(file.stat().st_size for file in run.path(name).rglob("*") if file.is_file()) / 1e6
        for name in ("bank", "encoded")
    }
    return {
        "rows": rows,
        "steps": steps,
        "bank_mb": sizes["bank"],
        "encoded_mb": sizes["encoded"],
        # Teacher and student in float32; the student also with its gradients and AdamW's two moments.
        "models_mb": (1 + 4) * parameters * 4 / 1e6,
        "peak_resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "versions": package_versions(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.train, options.rows, options.steps, Path(folder))
    for key in ("rows", "bank_mb", "encoded_mb", "models_mb", "peak_resident_mb"):
        print(f"{key:18} {found[key]:12,.0f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

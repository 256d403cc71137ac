"""Classifiers on disk: load and save them. Safetensors only; no code of a checkpoint is run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from ackd_deploy.errors import DataError, first_line
from ackd_deploy.files import atomic_folder, write_text
from ackd_deploy.models.reader_files import settle_length
from ackd_deploy.models.safetensors_errors import os_errors
from ackd_deploy.models.tokenizer_files import TOKENIZER_FILES, settle_tokenizer

__all__ = [
    "load_classifier",
    "load_for_inference",
    "provide_tokenizer",
    "save_classifier",
]


def load_classifier(
    folder: Path,
    label_names: Sequence[str],
    problem_type: str,
    *,
    new_head_seed: int | None = None,
    config: Any = None,
) -> Any:
    """Load a sequence classifier in float32, in eval mode, on the CPU.

    Args:
        folder: Hugging Face layout, checked by `locate.locate_model`.
        label_names: name of each logit.
        problem_type: as in the recipe.
        new_head_seed: draw a new head from this seed; None: the head in the checkpoint is kept, and must be there.
        config: use this configuration in place of the folder's.

    Raises:
        DataError: the weights are damaged, of another shape, or lack the head.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    try:
        config = config or AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        set_labels(config, label_names, problem_type)
        with quiet_transformers(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(new_head_seed or 0)
            model, info = AutoModelForSequenceClassification.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=new_head_seed is not None,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise DataError(
            f"the model in {folder} cannot be loaded: {first_line(error)}",
            hint="model.safetensors or config.json there is damaged, or they do not fit together: download them again",
        ) from error
    missing = [k for k in info["missing_keys"] if not k.endswith("position_ids")]
    body = [k for k in missing if k.startswith(f"{model.base_model_prefix}.") and ".pooler." not in k]
    if body:
        raise DataError(f"the model in {folder} lacks weights such as {sorted(body)[0]}")
    for parameter in model.parameters():
        # Loaded weights have the alignment of the file, and products of unaligned matrices round differently.
        parameter.data = parameter.data.clone()
    if new_head_seed is not None:
        _renew_head(model, new_head_seed)
    elif missing:
        raise DataError(
            f"the model in {folder} has no trained classification head ({sorted(missing)[0]} is missing)",
            hint="add a teacher.finetune section to the recipe, so that it is trained on your data first",
        )
    return model.eval()


def load_for_inference(folder: Path, *, attention: str | None = None) -> Any:
    """Load a sequence classifier as it is, in float32, in eval mode, on the CPU, from safetensors alone.

    Args:
        folder: Hugging Face layout.
        attention: transformers' attention implementation, such as ``eager``; None: its own choice.

    Raises:
        DataError: the folder holds no usable classifier.
    """
    from transformers import AutoModelForSequenceClassification

    extra = {} if attention is None else {"attn_implementation": attention}
    try:
        with quiet_transformers():
            model = AutoModelForSequenceClassification.from_pretrained(
                folder,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                **extra,
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise DataError(f"the model in {folder} cannot be loaded: {first_line(error)}") from error
    return model.eval()


def set_labels(config: Any, label_names: Sequence[str], problem_type: str) -> None:
    """Write label names and problem type into a configuration."""
    config.id2label = dict(enumerate(label_names))
    config.label2id = {name: index for index, name in enumerate(label_names)}
    config.problem_type = problem_type


def _renew_head(model: Any, seed: int) -> None:
    # A head trained for other labels would be read by index; a head that is not aligned by name is initialized again.
    generator = torch.Generator().manual_seed(seed)
    deviation = getattr(model.config, "initializer_range", 0.02)
    base = {id(module) for module in model.base_model.modules()}
    for module in model.modules():
        if isinstance(module, nn.Linear) and id(module) not in base:
            with torch.no_grad():
                module.weight.normal_(0.0, deviation, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Suppress transformers' messages about new heads, and its progress bars."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()


def provide_tokenizer(folder: Path, converted: Path) -> Path:
    """Return a folder with tokenizer.json: the model's own, or ``converted`` made from an older layout.

    Raises:
        DataError: the model's tokenizer has no fast form.
    """
    if (folder / "tokenizer.json").is_file():
        return folder
    if (converted / "tokenizer.json").is_file():
        return converted
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise DataError(f"the tokenizer in {folder} cannot be loaded: {first_line(error)}") from error
    if not tokenizer.is_fast:
        raise DataError(f"the tokenizer in {folder} has no fast form (tokenizer.json)")
    with atomic_folder(converted) as target:
        tokenizer.save_pretrained(target)
        for name in ("vocab.txt", "special_tokens_map.json"):
            if (folder / name).is_file() and not (target / name).exists():
                shutil.copy(folder / name, target / name)
    return converted


def save_classifier(model: Any, tokenizer_folder: Path, folder: Path, *, card: str, max_length: int) -> int:
    """Write a classifier in Hugging Face layout, atomically.

    Writes config.json (label names, problem type), model.safetensors, README.md, and the tokenizer's files as both
    lines of transformers read them, vocab.txt also where only tokenizer.json was there. They truncate to
    ``max_length`` and pad nothing, whatever the checkpoint's did.

    Returns:
        Bytes of model.safetensors.
    """
    with atomic_folder(folder) as target:
        with quiet_transformers(), os_errors():
            model.save_pretrained(target, max_shard_size="100GB")
        for name in TOKENIZER_FILES:
            if (tokenizer_folder / name).is_file():
                shutil.copyfile(tokenizer_folder / name, target / name)
        settle_tokenizer(target, token_types=getattr(model.config, "type_vocab_size", 0) > 1)
        settle_length(target, max_length)
        write_text(target / "README.md", card)
        return (target / "model.safetensors").stat().st_size

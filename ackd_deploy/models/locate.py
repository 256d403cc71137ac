"""Model folders: find them, and check their files without torch. No code of a checkpoint is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ackd_deploy.artifact.code_keys import code_keys
from ackd_deploy.errors import ArtifactError, DataError
from ackd_deploy.files import expanded, read_json
from ackd_deploy.models.hub import fetch_model

__all__ = ["is_hub_id", "label_names_of", "locate_model"]

_GENERIC = re.compile(r"LABEL_\d+")


def locate_model(reference: str, *, revision: str | None = None, key: str = "teacher.model") -> Path:
    """Return the local folder of a model, downloaded from the hub where the reference is a hub id.

    Args:
        reference: folder in Hugging Face layout, or hub id.
        revision: commit of the hub model.
        key: recipe key that holds the reference, for messages.

    Raises:
        HubUnreachable: it is a hub id that is not cached, and the hub cannot be reached.
        DataError: the folder holds no usable model.
    """
    folder = expanded(reference)
    if not folder.is_dir():
        if folder.exists():
            raise DataError(f"{key} is {reference}: this is a file, not a model's folder")
        if not is_hub_id(reference):
            raise DataError(f"{key} is {reference}, and there is no such folder", hint=f"--set {key}=DIR")
        folder = fetch_model(reference, revision=revision, key=key)
    _check_files(folder, reference)
    return folder


def is_hub_id(reference: str) -> bool:
    """Tell whether a reference to a model means the hub: it looks like an id, and nothing here has that name."""
    looks_local = reference.startswith((".", "/", "~"))
    return not looks_local and not Path(reference).exists() and bool(re.fullmatch(r"[\w.-]+(/[\w.-]+)?", reference))


def _check_files(folder: Path, reference: str) -> None:
    if not (folder / "config.json").is_file():
        raise DataError(f"the model {reference} has no config.json", hint="give a folder in Hugging Face layout")
    try:
        config = read_json(folder / "config.json")
    except ArtifactError as error:
        raise DataError(f"the model {reference}: {error.message}") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise DataError(f"the model {reference}: config.json names no model_type")
    for name, content in (("config.json", config), ("tokenizer_config.json", _tokenizer_config(folder))):
        for key in code_keys(content):
            raise DataError(
                f"the model {reference}: {name} has {key!r}, which names code to import: refused",
                hint="remove the key where the model works without it; no code of a model is ever run here",
            )
    if not ((folder / "model.safetensors").is_file() or (folder / "model.safetensors.index.json").is_file()):
        pickles = sorted(p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"})
        if pickles:
            raise DataError(
                f"the model {reference} has only pickled weights ({', '.join(pickles[:3])}), which can run code",
                hint="where you trust it, convert it to model.safetensors: load it and call save_pretrained(DIR)",
            )
        raise DataError(
            f"the model {reference} has no weights: model.safetensors is missing",
            hint="give a folder that save_pretrained wrote, or a hub id",
        )
    if not (folder / "model.safetensors").is_file():
        _check_shards(folder, reference)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json")):
        raise DataError(f"the model {reference} has no tokenizer", hint="put tokenizer.json into the same folder")


def _check_shards(folder: Path, reference: str) -> None:
    """Refuse an index whose parts are no safetensors files beside it: transformers follows any path, to pickles too."""
    try:
        index = read_json(folder / "model.safetensors.index.json")
    except ArtifactError as error:
        raise DataError(f"the model {reference}: {error.message}") from error
    parts = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(parts, dict) or not parts:
        raise DataError(f"the model {reference}: model.safetensors.index.json names no weights")
    for name in parts.values():
        if not isinstance(name, str) or not re.fullmatch(r"[\w-][\w.-]*\.safetensors", name):
            raise DataError(
                f"the model {reference}: model.safetensors.index.json names {name!r:.60}, which is no .safetensors "
                "file beside it: refused"
            )


def _tokenizer_config(folder: Path) -> Any:
    path = folder / "tokenizer_config.json"
    try:
        return read_json(path) if path.exists() else None
    except ArtifactError as error:
        raise DataError(error.message) from error


def label_names_of(folder: Path) -> tuple[str, ...] | None:
    """Return a model's label names in the order of its logits; None where they are generic or there are none."""
    id2label = read_json(folder / "config.json").get("id2label")
    if not isinstance(id2label, dict) or not id2label:
        return None
    try:
        keys = sorted(id2label, key=int)
    except ValueError as error:
        raise DataError(f"{folder}/config.json: id2label has keys that are not integers") from error
    if list(map(int, keys)) != list(range(len(keys))):
        raise DataError(
            f"{folder}/config.json: id2label has the keys {', '.join(keys[:5])}, which do not count from 0",
            hint="each key is the place of a logit: 0, 1, ...; correct id2label and label2id there",
        )
    names = tuple(str(id2label[key]) for key in keys)
    return None if all(_GENERIC.fullmatch(name) for name in names) else names

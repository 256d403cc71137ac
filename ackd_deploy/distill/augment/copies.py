"""Copies of training texts with replaced words, in parts in a run's folder: a stopped run goes on with the next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ackd_deploy.console import log, progress, warn
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.distill.augment.masked_model import MaskedModel
from ackd_deploy.distill.augment.words import plan, replaced, single_piece_words
from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import read_json, sha256_file, write_json, write_text
from ackd_deploy.locking import exclusive
from ackd_deploy.recipe.sections import Augment
from ackd_deploy.tasks.text import parts

__all__ = ["augmented_copies"]

_FORMAT = 1
_PART_ROWS = 256
_MANIFEST = "manifest.json"

Copies = list[list[str]]


def augmented_copies(
    rows: LabeledTexts,
    augment: Augment,
    model: Path,
    model_sha256: str,
    folder: Path,
    *,
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[list[str], list[str] | None]:
    """Return copies of the texts with replaced words, and the second texts of pairs; made once, and read afterwards.

    A copy in which nothing was replaced, or that a text already has, is left out. Two processes that ask at once make
    them once.

    Args:
        rows: the training rows.
        augment: the recipe's section.
        model: folder of the masked language model.
        model_sha256: its fingerprint.
        folder: of the parts; those of other rows, model or settings are kept apart.
        seed: of the run.
        device: where to compute.
        dtype: of the matrix products.
        stop: asked after every part.

    Raises:
        DataError: the model cannot be used.
        KeyboardInterrupt: ``stop`` returned True.
    """
    key = _key(rows, augment, model_sha256, seed, dtype)
    place = folder / key[:20]
    with exclusive(folder / f".lock-{key[:20]}"):
        done = _whole_parts(place, key)
        todo = [part for part in range(-(-len(rows) // _PART_ROWS)) if str(part) not in done]
        if todo:
            masked = MaskedModel(model, device, dtype)
            items = rows.items
            with progress(
                "replace words", len(rows), done=len(rows) - sum(len(_span(p, rows)) for p in todo)
            ) as advance:
                for part in todo:
                    copies = _copies_of(masked, [parts(items[row]) for row in _span(part, rows)], part, augment, seed)
                    file = _file(place, part)
                    write_text(file, "".join(json.dumps(copy) + "\n" for copy in copies))
                    done[str(part)] = sha256_file(file)
                    write_json(place / _MANIFEST, {"key": key, "parts": done})
                    advance(len(_span(part, rows)))
                    if stop():
                        log(f"stopped after part {part + 1} of the augmented texts")
                        raise KeyboardInterrupt
    found = [json.loads(line) for part in range(len(done)) for line in _file(place, part).read_text().splitlines()]
    return [copy[0] for copy in found], None if rows.pairs is None else [copy[1] for copy in found]


def _key(rows: LabeledTexts, augment: Augment, model_sha256: str, seed: int, dtype: torch.dtype) -> str:
    facts: dict[str, Any] = {
        "format": _FORMAT,
        "rows": rows.fingerprint,
        "model": model_sha256,
        "settings": augment.model_dump(exclude={"model"}),
        "seed": seed,
        "precision": str(dtype),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _span(part: int, rows: LabeledTexts) -> range:
    return range(part * _PART_ROWS, min((part + 1) * _PART_ROWS, len(rows)))


def _file(place: Path, part: int) -> Path:
    return place / f"part-{part:05d}.jsonl"


def _whole_parts(place: Path, key: str) -> dict[str, str]:
    """Return number and checksum of the parts that are there as they were written."""
    if not (place / _MANIFEST).is_file():
        place.mkdir(parents=True, exist_ok=True)
        return {}
    try:
        manifest = read_json(place / _MANIFEST)
        known = dict(manifest["parts"]) if manifest["key"] == key else {}
    except (ArtifactError, KeyError, TypeError, ValueError):
        known = {}
    good = {
        part: sha256
        for part, sha256 in known.items()
        if (file := _file(place, int(part))).is_file() and sha256_file(file) == sha256
    }
    if len(good) < len(known):
        warn(f"{len(known) - len(good)} parts of the augmented texts in {place} are damaged: they are made again")
    return good


def _copies_of(masked: MaskedModel, texts: list[tuple[str, ...]], part: int, augment: Augment, seed: int) -> Copies:
    encodings = masked.tokenizer.encode_batch([text if len(text) > 1 else text[0] for text in texts])
    words = [single_piece_words(e, text, masked.unknown) for e, text in zip(encodings, texts, strict=True)]
    plans = [
        plan(len(found), augment.copies, augment.probability, augment.top_k, seed=seed, row=part * _PART_ROWS + row)
        for row, found in enumerate(words)
    ]
    # One forward pass for each word that is replaced in any copy: Algorithm 1 masks one word at a time.
    wanted = [
        (row, word)
        for row, copies in enumerate(plans)
        for word in sorted({replacement.word for copy in copies for replacement in copy})
    ]
    proposed = masked.candidates([(encodings[row], words[row][word].position) for row, word in wanted], augment.top_k)
    candidates: list[dict[int, list[str]]] = [{} for _ in texts]
    for (row, word), choices in zip(wanted, proposed, strict=True):
        candidates[row][word] = choices
    found: Copies = []
    for row, text in enumerate(texts):
        seen = {text}
        for copy in plans[row]:
            new = tuple(replaced(text, words[row], copy, candidates[row]))
            if new not in seen:
                seen.add(new)
                found.append(list(new))
    return found

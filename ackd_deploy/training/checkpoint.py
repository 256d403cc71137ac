"""Checkpoints of a training: complete or absent, with a checksum, no pickle; the last two are kept."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ackd_deploy.console import warn
from ackd_deploy.errors import ArtifactError, EnvironmentProblem
from ackd_deploy.files import atomic_folder, read_json, remove_leftovers, sha256_file, write_json
from ackd_deploy.models.safetensors_errors import os_errors

__all__ = ["Checkpoint", "Checkpoints", "load_optimizer", "optimizer_tensors"]

_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after ``step`` optimizer steps.

    Attributes:
        step: optimizer steps done.
        tensors: name to tensor, on the CPU.
        facts: plain JSON data, such as the seconds used so far.
    """

    step: int
    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one training, in one folder.

    Args:
        folder: holds ``step-00000200/state.safetensors`` and ``state.json`` and nothing else.
        key: what the training depends on; a checkpoint of another key is never used.
    """

    def __init__(self, folder: Path, key: dict[str, Any]) -> None:
        self.folder = folder
        self.key = key

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, then remove all but the last two.

        Raises:
            EnvironmentProblem: the disk is full or read-only; earlier checkpoints are untouched.
        """
        try:
            with atomic_folder(self._path(checkpoint.step)) as target:
                state = target / "state.safetensors"
                tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
                with os_errors():
                    save_file(tensors, state)
                content = {
                    "step": checkpoint.step,
                    "sha256": sha256_file(state),
                    "key": self.key,
                    "facts": checkpoint.facts,
                }
                write_json(target / "state.json", {**content, "seal": _seal(content)})
        except (OSError, SafetensorError) as error:
            reason = "the disk is full" if getattr(error, "errno", None) == errno.ENOSPC else str(error)
            raise EnvironmentProblem(
                f"the checkpoint of step {checkpoint.step} could not be written to {self.folder}: {reason}",
                hint="free disk space; the same command continues from the last complete checkpoint",
            ) from error
        for old in self._folders()[:-_KEPT]:
            shutil.rmtree(old)

    def load(self) -> Checkpoint | None:
        """Return the newest complete checkpoint, or None. A damaged one is removed with a warning."""
        if self.folder.exists():
            remove_leftovers(self.folder)
        for folder in reversed(self._folders()):
            try:
                return self._read(folder)
            except ArtifactError as error:
                warn(f"{error.message}: using the one before it")
                shutil.rmtree(folder)
        return None

    def at(self, step: int) -> Checkpoint:
        """Return the checkpoint of a step.

        Raises:
            ArtifactError: it is not there, or damaged.
        """
        return self._read(self._path(step))

    def clear(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, folder: Path) -> Checkpoint:
        content = read_json(folder / "state.json")
        state = folder / "state.safetensors"
        try:
            if content["key"] != self.key:
                raise ArtifactError(f"the checkpoint {folder} belongs to another training")
            if content.pop("seal") != _seal(content) or folder != self._path(content["step"]):
                raise ArtifactError(f"the checkpoint {folder} is damaged: its state.json fails its checksum")
            if not state.is_file() or sha256_file(state) != content["sha256"]:
                raise ArtifactError(f"the checkpoint {folder} is damaged: it fails its checksum")
            return Checkpoint(content["step"], load_file(state), content["facts"])
        except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise ArtifactError(f"the checkpoint {folder} is damaged: {error}") from error

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _folders(self) -> list[Path]:
        return sorted(self.folder.glob("step-*")) if self.folder.is_dir() else []


def _seal(content: dict[str, Any]) -> str:
    """Checksum of the content of state.json, which holds the checksum of the tensors."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def optimizer_tensors(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, torch.Tensor]:
    """Return an optimizer's state as named tensors; parameters are counted in the order of its groups."""
    state = optimizer.state_dict()["state"]
    return {
        f"{prefix}.{index}.{name}": value if torch.is_tensor(value) else torch.tensor(value)
        for index, entry in state.items()
        for name, value in entry.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], prefix: str) -> None:
    """Restore what `optimizer_tensors` returned."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(f"{prefix}."):
            index, name = key.removeprefix(f"{prefix}.").split(".")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

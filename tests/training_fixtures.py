"""Fixtures of all tests that train: a run small enough to be distilled in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ackd_deploy.recipe import Recipe, load_recipe
from ackd_deploy.run import Run


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """The tests share the machine, and exactness is promised for one number of threads."""
    torch.set_num_threads(1)


@pytest.fixture
def recipe(tiny_recipe: Path) -> Recipe:
    return load_recipe(tiny_recipe, overrides=["distill.checkpoint_steps=3", "distill.log_steps=2"])


@pytest.fixture
def new_run(tmp_path: Path, tiny_recipe: Path) -> Any:
    """A function that opens a run of the tiny recipe with overrides."""

    def make(*overrides: str, name: str = "run") -> Run:
        small = ("distill.checkpoint_steps=3", "distill.log_steps=2")
        return Run.open(tmp_path / name, load_recipe(tiny_recipe, overrides=[*small, *overrides]))

    return make

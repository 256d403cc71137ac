"""Fixtures of all tests that train: a run small enough to be distilled in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ackd_deploy.distill import distill_run
from ackd_deploy.recipe import Recipe, load_recipe
from ackd_deploy.run import Run
from ackd_deploy.training.interrupt import Interruption


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


def distill_in_pieces(opened: Callable[[], Run], *, after: int, most: int) -> tuple[Run, int]:
    """Distill a run that is asked to stop again and again, until it is whole.

    Args:
        opened: opens the run, as each command does.
        after: questions whether to stop that are answered with no, in each piece; the next one with yes.
        most: pieces, at most.

    Returns:
        The run, and how often it was stopped.
    """
    for stops in range(most):
        run = opened()
        calls = iter(range(10 * after))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Interruption, "__call__", lambda _self, calls=calls: next(calls) == after)
            try:
                distill_run(run, device="cpu")
            except KeyboardInterrupt:
                continue
            return run, stops
    raise AssertionError(f"not whole after {most} pieces")


def write_soft_rows(
    labeled: Path, target: Path, shares: dict[str, float], *, soft: Callable[[int], bool], hard: Callable[[int], bool]
) -> Path:
    """Write rows of text,label with soft labels p_neg and p_pos beside them.

    Args:
        labeled: the rows.
        target: file to write.
        shares: of the second label, by label.
        soft: which row numbers have soft labels.
        hard: which keep their label.
    """
    rows = ["text,label,p_neg,p_pos"]
    for number, line in enumerate(labeled.read_text().splitlines()[1:]):
        text, label = line.rsplit(",", 1)
        answer = f"{1 - shares[label]:.2f},{shares[label]:.2f}" if soft(number) else ","
        rows.append(f"{text},{label if hard(number) else ''},{answer}")
    target.write_text("\n".join(rows) + "\n")
    return target

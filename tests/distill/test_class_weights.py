"""Class weights in a whole distillation: on planted data of 1 rare row in 31, they bring the rare class back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from ackd_deploy.distill import distill_run
from ackd_deploy.errors import RecipeError
from ackd_deploy.recipe import load_recipe
from ackd_deploy.run import Run


def plant(file: Path, *, groups: int, seed: int) -> None:
    """Write ``groups`` times 1 rare and 30 common rows: every rare text says 'empty', and 1 common one in 6 does.

    Of the texts that say so 1 in 6 is rare. The likeliest class is therefore the common one for every text; where both
    classes count the same, it is the rare one for those that say 'empty' (1 to 5/30).
    """
    draw = np.random.default_rng(seed)
    fillers = ("a film", "the plot", "the actors", "two hours", "an elegant story", "the jokes")
    lines = ["text,label"]
    for row in range(31 * groups):
        rare = row % 31 == 0
        word = "empty" if rare or row % 31 <= 5 else "warm"
        lines.append(f"{word} {draw.choice(fillers)},{'negative' if rare else 'positive'}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    plant(folder / "train.csv", groups=10, seed=1)
    plant(folder / "validation.csv", groups=8, seed=2)
    return folder


def recalls(run: Run, name: str) -> dict[str, float]:
    saved = load_file(run.path("predictions", f"{name}.safetensors"))
    decisions, labels = saved["logits"].argmax(axis=1), saved["labels"]
    return {label: float((decisions[labels == i] == i).mean()) for i, label in enumerate(("negative", "positive"))}


def test_weights_bring_the_rare_class_back(new_run: Any, planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = (
        f"data.train={planted}/train.csv", f"data.validation={planted}/validation.csv", "data.max_length=8",
        "distill.method=kd", "distill.baselines=[]", "distill.epochs=2", "distill.batch_size=62",
        "teacher.finetune.epochs=12", "teacher.finetune.batch_size=62", "teacher.finetune.learning_rate=3e-3",
    )  # fmt: skip
    plain, weighed = new_run(*common, name="plain"), new_run(*common, "distill.class_weights=balanced", name="weighed")
    distill_run(plain, device="cpu")
    assert "'negative' 10 to 'positive' 300 training rows" in " ".join(capsys.readouterr().err.split())
    distill_run(weighed, device="cpu")
    said = " ".join(capsys.readouterr().err.split())
    assert "imbalanced" not in said
    # 310 / (2 * 10) and 310 / (2 * 300).
    assert "weights of the classes: negative 15.5, positive 0.5167" in said
    for name in ("teacher", "kd"):
        assert recalls(plain, name) == {"negative": 0.0, "positive": 1.0}, name
        found = recalls(weighed, name)
        assert found["negative"] > 0.7, name
        # Five in thirty of them say 'empty' too.
        assert found["positive"] == pytest.approx(5 / 6, abs=0.12), name


def test_a_class_that_the_data_lacks_ends_it_before_training(new_run: Any) -> None:
    run = new_run("distill.class_weights={awful: 3}")
    with pytest.raises(RecipeError, match="awful") as error:
        distill_run(run, device="cpu")
    assert (error.value.exit_code, run.stages()) == (2, [])


def test_a_regression_has_none(tiny_recipe: Path) -> None:
    overrides = ["data.problem_type=regression", "distill.class_weights=balanced"]
    with pytest.raises(RecipeError, match=r"distill\.class_weights needs classes"):
        load_recipe(tiny_recipe, overrides=overrides)

"""The examples in docstrings run and say what comes out."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Any

import pytest

import ackd_deploy

PACKAGE = Path(ackd_deploy.__file__).parent
MODULES = sorted(
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for file in PACKAGE.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


def examples(module: str, **names: Any) -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(importlib.import_module(module), extraglobs=names) if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str, tiny_artifact: Path) -> None:
    found = examples(module, artifact=tiny_artifact)
    assert found
    runner = doctest.DocTestRunner()
    for test in found:
        said: list[str] = []
        runner.run(test, out=said.append)
        assert runner.summarize(verbose=False).failed == 0, "".join(said)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("ackd_deploy.distill.losses.contrastive", "cdl"),
        ("ackd_deploy.distill.losses.contrastive", "negative_mask"),
        ("ackd_deploy.distill.losses.outputs", "kd_loss"),
        ("ackd_deploy.distill.sar.weights", "sample_weights"),
        ("ackd_deploy.runtime.classifier", "Classifier.classify"),
    ],
)
def test_what_people_call_has_an_example(module: str, name: str) -> None:
    assert f"{module}.{name}" in {test.name for test in examples(module)}

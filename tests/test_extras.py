"""Extras: what pyproject.toml brings is what commands ask for, and what is missing is told before anything begins."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from ackd_deploy.cli import cli
from ackd_deploy.errors import MissingExtra
from ackd_deploy.extras import EXTRAS, need

PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {
    "prometheus_client": "prometheus-client",
    "cyclonedx": "cyclonedx-python-lib",
    "model_signing": "model-signing",
    "OpenSSL": "pyopenssl",
    "onnx_ir": "onnx-ir",
}


def names(extra: str) -> set[str]:
    """Distributions that an extra brings, those of the extras inside it included."""
    found = set()
    for line in PROJECT["optional-dependencies"][extra]:
        if inner := re.fullmatch(r"ackd-deploy\[(.+)\]", line):
            for name in inner[1].split(","):
                found |= names(name)
        else:
            found.add(re.split(r"[<>=!~;\s\[]", line)[0])
    return found


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_its_commands_ask_for(extra: str):
    assert {DISTRIBUTIONS.get(module, module) for module in EXTRAS[extra]} <= names(extra)


def test_the_core_is_small_and_knows_no_torch():
    core = {re.split(r"[<>=!~;\s\[]", line)[0] for line in PROJECT["dependencies"]}
    assert core == {"click", "filelock", "numpy", "pydantic", "pyyaml", "rich", "tokenizers"}


def test_never_both_wheels_of_onnx_runtime():
    assert names("cpu") == {"onnxruntime"}
    assert names("gpu") == {"onnxruntime-gpu"}
    for extra in PROJECT["optional-dependencies"].keys() - {"cpu", "gpu"}:
        assert not {"onnxruntime", "onnxruntime-gpu"} & names(extra), extra


@pytest.mark.parametrize(
    ("command", "absent", "extra"),
    [
        (["distill", "quickstart"], "torch", "train"),
        (["export"], "onnx", "export"),
        (["run", "quickstart"], "matplotlib", "report"),
        (["ablate", "quickstart"], "transformers", "train"),
        (["report"], "jinja2", "report"),
        (["compare", "a", "b"], "scipy", "report"),
        (["serve", "artifact"], "bentoml", "serve"),
        (["package", "artifact"], "bentoml", "serve"),
    ],
)
def test_a_command_names_its_missing_extra_first(monkeypatch, command, absent, extra):
    import importlib.util

    whole = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else whole(name))
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == MissingExtra.exit_code == 4
    assert absent in result.stderr
    assert re.search(rf"ackd-deploy\[[a-z,]*{extra}[a-z,]*\]", result.stderr)


def test_what_is_installed_is_not_asked_for():
    # Ray is too large for the tests' environment.
    need(*(EXTRAS.keys() - {"ray"}))

"""What `import ackd_deploy` offers: exactly the documented names, lazily."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ackd_deploy
from ackd_deploy import errors
from tests.examples import DOCS, run_examples
from tests.training_fixtures import one_thread

__all__ = ["one_thread"]

PUBLIC = {
    "Classifier", "Evaluation", "Prediction", "Recipe", "Run", "cdl", "distill_run", "evaluate_run", "export_run",
    "load_recipe", "sample_weights",
}  # fmt: skip
ERRORS = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_names_are_exactly_these() -> None:
    assert set(ackd_deploy.__all__) == PUBLIC | ERRORS
    assert list(ackd_deploy.__all__) == sorted(ackd_deploy.__all__)


@pytest.mark.parametrize("name", sorted(PUBLIC | ERRORS))
def test_each_name_is_what_it_says_and_has_a_docstring(name: str) -> None:
    value = getattr(ackd_deploy, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)
    assert name in dir(ackd_deploy)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'distil'"):
        ackd_deploy.distil  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(ackd_deploy.__file__).read_text(encoding="utf-8"))
    (block,) = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == PUBLIC | ERRORS


def test_the_import_loads_nothing_and_names_load_what_they_need() -> None:
    heavy = ["torch", "transformers", "onnxruntime", "numpy", "pydantic", "yaml"]
    report = "import json, sys; print(json.dumps([name for name in {} if name in sys.modules]))"
    assert json.loads(fresh("import ackd_deploy;" + report.format(heavy))) == []
    body = "from ackd_deploy import Classifier, Evaluation, Run, load_recipe, evaluate_run, AckdError;"
    assert json.loads(fresh(body + report.format(["torch", "transformers", "matplotlib"]))) == []


def test_every_name_is_documented() -> None:
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### `(\w+)`$", page, re.MULTILINE)) == PUBLIC
    documented = dict(re.findall(r"^\| `(\w+)` \| (\d*) ?\|", page, re.MULTILINE))
    codes = {name: "" if name == "AckdError" else str(getattr(errors, name).exit_code) for name in ERRORS}
    assert documented == codes


@pytest.mark.slow
def test_the_examples_of_the_api_page_run(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(tiny_recipe, tmp_path / "recipe.yaml")
    monkeypatch.chdir(tmp_path)
    names = run_examples("reference/api.md")
    found = names["evaluate_run"](names["run"])
    assert list(found) == ["teacher", "finetune", "ackd"]
    assert names["artifact"] == Path("runs/first/artifact")
    assert "teacher: accuracy " in capsys.readouterr().out


@pytest.mark.slow
def test_the_examples_of_an_own_loop_run(
    tiny_teacher: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_teacher, tmp_path / "teacher")
    shutil.copyfile(tiny_data / "train.csv", tmp_path / "train.csv")
    monkeypatch.chdir(tmp_path)
    names = run_examples("how-to/own-loop.md")
    losses = names["losses"]
    assert len(losses) == 12  # 96 rows in batches of 16, twice
    assert sum(losses[-3:]) < sum(losses[:3])
    trained = names["trainer"].state.log_history[-2]
    assert trained["train_loss"] < losses[0]

"""The command line: help is light, mistakes have one message and the right exit code."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ackd_deploy.cli import _COMMANDS, cli

HEAVY = {"torch", "transformers", "onnxruntime", "bentoml", "datasets", "optimum", "onnx", "matplotlib", "scipy"}


def invoke(*arguments):
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def test_help_imports_nothing_heavy():
    code = "import sys, ackd_deploy.cli as c; c.cli.main(['--help'], prog_name='x')"
    code = f"import sys, atexit; atexit.register(lambda: print('MODULES', *sys.modules)); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split("MODULES")[1].split())
    assert "click" in modules
    assert not HEAVY & modules


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_every_command_has_help_and_imports_nothing_heavy(name):
    code = (
        "import sys, atexit; atexit.register(lambda: print('MODULES', *sys.modules)); "
        f"import ackd_deploy.cli as c; c.cli.main([{name!r}, '--help'], prog_name='x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
    assert not HEAVY & set(done.stdout.split("MODULES")[1].split())


def test_unknown_command_and_option_are_usage_errors():
    assert invoke("exprot").exit_code == 2
    assert invoke("export", "--onyx").exit_code == 2


def test_export_without_a_run(tmp_path):
    result = invoke("export", "--onnx", "--runs", tmp_path)
    assert result.exit_code == 2
    assert "there is no finished run" in result.stderr
    assert "hint:" in result.stderr
    assert "Traceback" not in result.stderr


def test_export_of_a_folder_that_is_no_run(tmp_path):
    result = invoke("export", "--run", tmp_path)
    assert result.exit_code == 2
    assert f"there is no run in {tmp_path}" in result.stderr


def test_recipe_with_several_mistakes(tmp_path):
    (tmp_path / "r.yaml").write_text("data: {train: a}\nteachr: 3\n")
    result = invoke("distill", tmp_path / "r.yaml", "--runs", tmp_path / "runs")
    assert result.exit_code == 2
    assert "3 problems" in result.stderr
    assert "did you mean teacher?" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_debug_shows_the_traceback(tmp_path):
    result = invoke("--debug", "export", "--runs", tmp_path)
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_recipe_list_show_validate():
    listed = json.loads(invoke("recipe", "list", "--json").stdout)
    assert {"quickstart", "sst2_4layer"} <= {entry["name"] for entry in listed}
    shown = json.loads(invoke("recipe", "show", "quickstart", "--set", "seed=7", "--json").stdout)
    assert shown["seed"] == 7
    assert shown["distill"]["sar"]["mode"] == "predictor"
    assert invoke("recipe", "validate", "--no-data", *(entry["name"] for entry in listed)).exit_code == 0


def test_recipe_init_writes_a_right_recipe_and_keeps_an_old_one(tmp_path):
    path = tmp_path / "mine.yaml"
    assert invoke("recipe", "init", path).exit_code == 0
    assert invoke("recipe", "validate", "--no-data", path).exit_code == 0
    before = path.read_text()
    result = invoke("recipe", "init", path)
    assert result.exit_code == 2
    assert path.read_text() == before


@pytest.mark.parametrize("name", ["my recipe.yaml", "modèle.yaml", "2024.yaml", "no.yaml", "a.b: c #1.yaml", "é.yaml"])
def test_recipe_init_of_a_name_that_yaml_minds(tmp_path, name):
    path = tmp_path / name
    done = invoke("recipe", "init", path, "--train", "data/train #1.csv", "--validation", "@v: al.csv")
    assert done.exit_code == 0, done.stderr
    shown = json.loads(invoke("recipe", "show", path, "--json").stdout)
    assert (shown["data"]["train"], shown["data"]["validation"]) == ("data/train #1.csv", "@v: al.csv")


def test_recipe_init_that_is_refused_writes_nothing(tmp_path):
    assert invoke("recipe", "init", tmp_path / "a.yaml", "--train", "a\nb.csv").exit_code == 2
    assert list(tmp_path.iterdir()) == []

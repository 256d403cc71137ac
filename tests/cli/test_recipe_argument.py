"""RECIPE is a file or a shipped name, for every command and from any folder."""

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ackd_deploy.cli import cli
from ackd_deploy.cli.examples import EXAMPLES
from ackd_deploy.cli.recipe_argument import RECIPE


@pytest.mark.parametrize("name", ["quickstart", "recipes/quickstart.yaml"])
def test_a_shipped_recipe_is_found_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = RECIPE.convert(name, None, None)
    assert found.name == "quickstart.yaml"
    assert "name: quickstart" in found.read_text(encoding="utf-8")


def test_a_file_of_the_user_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "quickstart.yaml").write_text("name: mine\n")
    assert RECIPE.convert("recipes/quickstart.yaml", None, None) == Path("recipes/quickstart.yaml")
    # A run's folder of that name is no recipe.
    (tmp_path / "quickstart").mkdir()
    assert RECIPE.convert("quickstart", None, None).name == "quickstart.yaml"


@pytest.mark.parametrize("command", ["run", "distill", "ablate", "recipe show", "recipe validate", "recipe copy"])
def test_every_command_says_which_recipes_there_are(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, [*command.split(), "quickstrat"])
    assert result.exit_code == 2
    assert "there is no recipe 'quickstrat'" in result.stderr
    assert "quickstart, sst2_4layer" in result.stderr


def test_copy_names_the_next_command_and_overwrites_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["recipe", "copy", "sst2_4layer", "my recipe.yaml"])
    assert result.exit_code == 0
    assert "ackd-deploy run 'my recipe.yaml'" in result.stdout
    assert (tmp_path / "my recipe.yaml").read_text(encoding="utf-8").startswith("# sst2_4layer")
    (tmp_path / "my recipe.yaml").write_text("mine")
    assert CliRunner().invoke(cli, ["recipe", "copy", "sst2_4layer", "my recipe.yaml"]).exit_code == 2
    assert (tmp_path / "my recipe.yaml").read_text() == "mine"


def test_completion_knows_the_names():
    context = click.Context(cli)
    found = [item.value for item in RECIPE.shell_complete(context, click.Argument(["recipe"]), "sst2")]
    assert found == ["sst2_4layer", "sst2_minilm", "sst2"]


def leaves(command, name=""):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            yield from leaves(command.get_command(context, inner), f"{name} {inner}".strip())
    else:
        yield name, command


def test_every_command_shows_an_example_that_it_accepts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("")
    found = dict(leaves(cli))
    assert set(found) == set(EXAMPLES)
    for name, command in found.items():
        words = shlex.split(EXAMPLES[name])
        assert words[: 1 + len(name.split())] == ["ackd-deploy", *name.split()]
        command.make_context(name, words[1 + len(name.split()) :])
        result = CliRunner().invoke(cli, [*name.split(), "--help"])
        assert EXAMPLES[name] in result.stdout


def test_serve_names_the_variables():
    shown = CliRunner().invoke(cli, ["serve", "--help"]).stdout
    for variable in ("ACKD_TOKEN", "ACKD_MAX_QUEUE_ROWS", "ACKD_LOG_TEXT", "ACKD_WORKERS", "ACKD_PROVIDER"):
        assert variable in shown


def test_the_first_screen_says_where_to_begin():
    assert "ackd-deploy recipe fetch quickstart" in CliRunner().invoke(cli, ["--help"]).stdout


class TestDocs:
    def test_pages_that_help_names_are_there(self):
        assert CliRunner().invoke(cli, ["docs", "http"]).stdout.startswith("# HTTP\n")
        assert CliRunner().invoke(cli, ["docs", "docs/how-to/serving.md"]).stdout.startswith("# Serve an artifact\n")

    def test_the_list_has_every_page(self):
        listed = {line.split()[0] for line in CliRunner().invoke(cli, ["docs"]).stdout.splitlines()}
        docs = Path(__file__).resolve().parent.parent.parent / "docs"
        assert listed == {path.relative_to(docs).with_suffix("").as_posix() for path in docs.rglob("*.md")}

    @pytest.mark.parametrize(("page", "words"), [("nothing", "there is no page"), ("serving", "more than one page")])
    def test_other_pages_are_refused(self, page, words):
        result = CliRunner().invoke(cli, ["docs", page])
        assert (result.exit_code, words in result.stderr) == (2, True)

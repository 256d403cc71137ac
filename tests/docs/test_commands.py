"""Commands that pages show exist, with their options; the generated pages are what the generators write."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from ackd_deploy.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])


def shown_commands() -> list[tuple[str, str]]:
    """Page and command line of everything that begins with ackd-deploy in a code block of four spaces."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = re.findall(r"^    (?:.* && )?(ackd-deploy [^#\n]+)", text, flags=re.MULTILINE)
        found += [(str(page.relative_to(ROOT)), re.split(r"\s{2,}|\s\|\s", line.strip())[0]) for line in lines]
    return found


@pytest.mark.parametrize(("page", "line"), shown_commands())
def test_a_shown_command_exists(page: str, line: str):
    words = shlex.split(line)[1:]
    command: click.Command = cli
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"{page}: {line}"
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in options | {"--help"}, f"{page}: {line}"


def test_there_are_commands():
    assert len(shown_commands()) > 15


def test_the_command_line_page_is_in_step():
    spec = importlib.util.spec_from_file_location("cli_reference", ROOT / "tools" / "cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    committed = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert committed == module.page(), "run python tools/cli_reference.py"

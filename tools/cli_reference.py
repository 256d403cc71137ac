"""Write docs/reference/cli.md: every command with its options, from click's own definitions.

    python tools/cli_reference.py

A test compares the committed page with what this writes.
"""

from __future__ import annotations

from pathlib import Path

import click

from ackd_deploy.cli import cli
from ackd_deploy.cli.examples import EXAMPLES

FILE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEADING = """\
# Command line

Written by `python tools/cli_reference.py` from the commands themselves. Results go to stdout (`--json` for machines);
progress, log and errors to stderr.

## Exit codes

| code | meaning |
|---|---|
| 0 | good |
| 1 | a bug: the only one with a traceback (`--debug` shows it for the others) |
| 2 | usage, or the recipe: all its mistakes at once, with line numbers |
| 3 | a gate failed |
| 4 | the environment: a device, provider, extra or hub that is not there; a run that another process works in |
| 5 | the data, or a model that was given |
| 6 | a file that was written is damaged, missing or not to be trusted |
| 130 | stopped by Ctrl-C or SIGTERM; the same command goes on from there |

`ackd_deploy/errors.py` draws the tree of errors behind them.
"""


def options(command: click.Command) -> list[str]:
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            rows.append(f"| `{parameter.make_metavar(click.Context(command))}` | |")
        elif isinstance(parameter, click.Option):
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
            value = "" if parameter.is_flag else f" {parameter.make_metavar(click.Context(command))}"
            shown = parameter.help or ""
            if parameter.show_default and parameter.default is not None:
                shown += f" Default: {parameter.default}."
            if parameter.envvar and parameter.show_envvar:
                shown += f" Environment: {parameter.envvar}."
            escaped = f"{names}{value}".replace("\\|", "|").replace("|", "\\|")
            rows.append(f"| `{escaped}` | {shown.strip()} |")
    return ["| | |", "|---|---|", *rows] if rows else []


def described(command: click.Command, name: str) -> list[str]:
    text = " ".join((command.help or "").split("\n\n")[0].split())
    rest = [" ".join(part.split()) for part in (command.help or "").split("\n\n")[1:]]
    lines = [f"## {name}", "", text, *(line for part in rest for line in ("", part)), ""]
    if name in EXAMPLES:
        lines += [f"    {EXAMPLES[name]}", ""]
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), inner)
            if found is not None:
                lines += described(found, f"{name} {inner}")
        return lines
    return [*lines, *options(command), ""]


def page() -> str:
    lines = [HEADING]
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            lines += described(command, name)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")

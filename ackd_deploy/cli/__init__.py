"""The command line: one file for each command, imported only when it is called."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import click

from ackd_deploy.cli.examples import BEGIN, EXAMPLES
from ackd_deploy.cli.streams import prepare_streams, silence_stdout
from ackd_deploy.cli.system_errors import system_problem
from ackd_deploy.errors import AckdError
from ackd_deploy.escaping import visible
from ackd_deploy.version import __version__

__all__ = ["cli", "main"]

# Name and one-line help, so that --help imports no command.
_COMMANDS = {
    "run": "Distill, export, gate and report in one go.",
    "distill": "Train the teacher where the recipe says so, then the student.",
    "export": "Export the newest finished run, gate each variant, write the artifact.",
    "serve": "Serve the artifact over HTTP.",
    "package": "Build a Bento from the artifact.",
    "predict": "Classify text with the artifact.",
    "evaluate": "Judge the artifact by labeled rows: has the world moved?",
    "verify": "Check an artifact: files, checksums, golden samples, CPU.",
    "report": "Write a run's report and print its table.",
    "compare": "Compare runs on the same validation rows.",
    "ablate": "Train several methods over several seeds, with paired intervals.",
    "doctor": "Show versions, devices, providers, CPU features and threads.",
    "recipe": "List, show, check, copy and start recipes.",
    "docs": "Show the documentation that came with this installation.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"ackd_deploy.cli.{cmd_name}").command
        _add_examples(command, cmd_name)
        return command

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run a command and exit with the code that ackd_deploy.errors lists."""
        arguments = kwargs.get("args") or (args[0] if args else None) or sys.argv[1:]
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except click.ClickException as error:
            error.show()
            sys.exit(2)
        except BrokenPipeError:
            # Whoever read our output has seen enough, as head does. Nothing more may be written, not even at exit.
            silence_stdout()
            sys.exit(0)
        except (AckdError, OSError) as error:
            problem = system_problem(error) if isinstance(error, OSError) else error
            if "--debug" in arguments:
                traceback.print_exc()
            _show(problem)
            sys.exit(problem.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nstopped; the same command goes on from here", err=True)
            sys.exit(130)
        # Click hands back the code of ctx.exit(N) as the result here.
        sys.exit(code if isinstance(code, int) else 0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _add_examples(command: click.Command, name: str) -> None:
    if isinstance(command, click.Group):
        for inner, subcommand in command.commands.items():
            _add_examples(subcommand, f"{name} {inner}")
    elif name in EXAMPLES:
        command.epilog = f"\b\nExample:\n  {EXAMPLES[name]}"


def _show(error: AckdError) -> None:
    click.echo(click.style("error: ", fg="red", bold=True) + visible(error.message), err=True)
    if error.hint:
        click.echo(click.style("hint: ", fg="cyan") + visible(error.hint), err=True)


@click.group(
    cls=_LazyGroup,
    epilog=BEGIN,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ackd-deploy")
@click.option("--debug", is_flag=True, help="Show the traceback of every error.")
def cli(debug: bool) -> None:
    """From labeled text and a BERT classifier to a small, checked classifier over HTTP."""


def _terminate(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the ``ackd-deploy`` command."""
    prepare_streams()
    # SIGTERM ends a run as Ctrl-C does: what was written is kept, and the same command continues from there.
    signal.signal(signal.SIGTERM, _terminate)
    # PyTorch's threads wait for each other by spinning, by default for milliseconds: where another process has one of
    # the cores, training was 5 times slower (14 samples a second against 70). This bounds the wait to microseconds.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    cli.main()

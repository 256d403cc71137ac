"""Console output: results on stdout; progress, log lines and warnings on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment

from ackd_deploy.escaping import shortened, visible, visible_json
from ackd_deploy.narrow_tables import fit

__all__ = ["emit_json", "log", "print_result", "print_table", "progress", "step", "warn"]

_PLAIN_SECONDS = 15.0


class _VisibleConsole(Console):
    """A console on which no text can send an escape sequence: styles are added after this."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


# The console on which a spinner turns: what is printed meanwhile must go through it, or it lands in the spinner's line.
_turning: list[Console] = []


def _stderr() -> Console:
    if _turning:
        return _turning[-1]
    # Created for each call: tests and launchers replace sys.stderr.
    return _VisibleConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def log(message: str) -> None:
    """Print a log line on stderr."""
    _stderr().print(escape(shortened(message)))


def warn(message: str) -> None:
    """Print a warning on stderr."""
    _stderr().print(f"[yellow]warning:[/yellow] {escape(shortened(message))}")


def print_result(message: str) -> None:
    """Print a result on stdout, never wrapped, since it may be piped."""
    _VisibleConsole(highlight=False, soft_wrap=True).print(escape(message))


def print_table(table: RenderableType) -> None:
    """Print a table on stdout, as wide as the terminal; 100 columns where there is none.

    A table that needs more becomes a list.
    """
    console: Console = _VisibleConsole(highlight=False)
    if not console.is_terminal:
        console = _VisibleConsole(highlight=False, width=100)
    console.print(fit(table, console))


def emit_json(content: Any) -> None:
    """Print one JSON document on stdout."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    # JSON's own escapes for what a terminal would act on; a reader gets the very same strings.
    sys.stdout.write(visible_json(text) + "\n")


@contextmanager
def progress(description: str, total: int, *, done: int = 0) -> Iterator[Callable[..., None]]:
    """Show a progress bar on stderr, or a plain line every few seconds where stderr is no terminal.

    Yields:
        ``advance(n=1, **fields)``; the fields, such as ``loss=0.31``, stand behind the bar.
    """
    console = _stderr()
    if console.is_terminal and not _turning:
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
        )
        with bar:
            task = bar.add_task(escape(description), total=total, completed=done, note="")

            def advance(n: int = 1, **fields: Any) -> None:
                bar.advance(task, n)
                if fields:
                    bar.update(task, note=_note(fields))

            yield advance
        return

    state = {"done": done, "last": time.monotonic()}
    console.print(escape(f"{description}: {total}" + (f", {done} done before" if done else "")))

    def advance_plain(n: int = 1, **fields: Any) -> None:
        state["done"] += n
        now = time.monotonic()
        if now - state["last"] >= _PLAIN_SECONDS and state["done"] < total:
            state["last"] = now
            console.print(escape(f"{description}: {int(state['done'])}/{total} {_note(fields)}".rstrip()))

    yield advance_plain
    console.print(escape(f"{description}: done"))


@contextmanager
def step(description: str) -> Iterator[None]:
    """Say what is being done, where nobody can tell how long: a spinner with the time on a terminal, else a line."""
    console = _stderr()
    log(description)
    if not console.is_terminal or _turning:
        yield
        return
    spinner = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    )
    with spinner:
        spinner.add_task(escape(description), total=None)
        _turning.append(console)
        try:
            yield
        finally:
            _turning.remove(console)


def _note(fields: dict[str, Any]) -> str:
    return " ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in fields.items()
    )

"""``ackd-deploy docs``: the documentation that came with this installation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.markdown import Markdown

from ackd_deploy import console
from ackd_deploy.errors import UsageError
from ackd_deploy.recipe.bundled import bundled_folder


def _pages() -> dict[str, Path]:
    """Return each page by its name: the path below docs/, without the ending."""
    folder = bundled_folder("docs")
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.md"))}


class _Page(click.ParamType):  # type: ignore[type-arg]
    name = "page"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the page's path. The folder and the ending may be left out, a leading docs/ may be there."""
        wanted = str(value).removeprefix("docs/").removesuffix(".md")
        pages = _pages()
        found = [wanted] if wanted in pages else [name for name in pages if name.rpartition("/")[2] == wanted]
        if len(found) == 1:
            return pages[found[0]]
        if found:
            raise UsageError(f"{value} is more than one page: {', '.join(found)}")
        raise UsageError(f"there is no page {value!r}", hint=f"pages: {', '.join(pages)}")

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in _pages() if name.startswith(incomplete)]


@click.command()
@click.argument("page", type=_Page(), required=False)
def command(page: Path | None) -> None:
    """Show PAGE of the documentation; without it, the list of pages.

    On a terminal a page is laid out, elsewhere it is printed as the Markdown that it is.
    """
    if page is None:
        for name, path in _pages().items():
            console.print_result(f"{name:<32}{path.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')}")
        return
    text = page.read_text(encoding="utf-8")
    if sys.stdout.isatty():
        console.print_table(Markdown(text))
    else:
        console.print_result(text.rstrip())

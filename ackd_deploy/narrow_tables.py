"""Tables on narrow terminals: one that would lose its figures becomes a list."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

__all__ = ["fit"]

_ABSENT = ("", "-")


def fit(renderable: RenderableType, console: Console) -> RenderableType:
    """Return a table as it is where its columns fit into the console, else as a list; groups are looked into."""
    if isinstance(renderable, Group):
        return Group(*(fit(part, console) for part in renderable.renderables))
    if isinstance(renderable, Table) and _needed_width(renderable, console) > console.width:
        return _as_list(renderable, console)
    return renderable


def _needed_width(table: Table, console: Console) -> int:
    """Return the least columns of a terminal in which no word and no unbreakable cell of the table is cut."""
    left, right = table.padding[3], table.padding[1]
    return sum(_column_width(column, console) + left + right for column in table.columns)


def _column_width(column: Column, console: Console) -> int:
    widths = [Measurement.get(console, console.options.update(width=10_000), cell) for cell in _cells(column)]
    needed = max((w.maximum if column.no_wrap else w.minimum for w in widths), default=0)
    # A column that folds anywhere needs no more than it asks for.
    return column.min_width or 1 if column.overflow == "fold" and not column.no_wrap else needed


def _cells(column: Column) -> list[RenderableType]:
    return [column.header, *column.cells]


def _as_list(table: Table, console: Console) -> RenderableType:
    headings = [_text(column.header, console) for column in table.columns]
    parts: list[RenderableType] = [_text(table.title, console)] if table.title else []
    for row in zip(*(column.cells for column in table.columns), strict=True):
        first, *rest = (_text(cell, console) for cell in row)
        first.stylize("bold")
        parts.append(first)
        pairs = [
            Text.assemble((f"{heading.plain} " if heading.plain else "", "dim"), cell)
            for heading, cell in zip(headings[1:], rest, strict=True)
            if cell.plain not in _ABSENT
        ]
        if pairs:
            parts.append(Padding(Text(" · ", style="dim").join(pairs), (0, 0, 0, 2)))
    if table.caption:
        parts += [Text(""), _text(table.caption, console)]
    return Group(*parts)


def _text(cell: object, console: Console) -> Text:
    """Return a cell as text: markup in a string is read, as a table does."""
    return cell.copy() if isinstance(cell, Text) else console.render_str(str(cell))

"""Many mistakes in a file, one message: which rows, how many, of which kind."""

from __future__ import annotations

from collections.abc import Iterable

from ackd_deploy.errors import DataError

__all__ = ["Problems", "UnusableRows", "listed"]

_SHOWN = 5


class UnusableRows(DataError):
    """Single rows cannot be used.

    Attributes:
        rows: number and mistake of each, in the order found; a row may have several.
    """

    def __init__(self, message: str, rows: list[tuple[int, str]], *, hint: str | None) -> None:
        super().__init__(message, hint=hint)
        self.rows = rows


class Problems:
    """Collects what is wrong with single rows, and raises once for all of them.

    Args:
        source: what to call the data in the message.
        noun: what the numbers count: ``line`` of a text file, ``row`` elsewhere, from 1.
    """

    def __init__(self, source: str, noun: str) -> None:
        self._source = source
        self._noun = noun
        self._kinds: dict[str, tuple[int, list[int]]] = {}
        self._hints: list[str] = []
        self._rows: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def add(self, kind: str, number: int, hint: str | None = None) -> None:
        """Note that the row ``number`` has a mistake of this kind."""
        count, numbers = self._kinds.setdefault(kind, (0, []))
        if count < _SHOWN:
            numbers.append(number)
        self._kinds[kind] = (count + 1, numbers)
        self._rows.append((number, kind))
        if hint is not None and hint not in self._hints:
            self._hints.append(hint)

    def raise_if_any(self) -> None:
        """Raise one error that summarizes what was noted.

        Raises:
            UnusableRows: something was noted.
        """
        if not self._kinds:
            return
        shown = list(self._kinds.items())[: 2 * _SHOWN]
        lines = [f"  {kind}: {self._where(count, numbers)}" for kind, (count, numbers) in shown]
        if len(self._kinds) > len(shown):
            lines.append(f"  ... and {len(self._kinds) - len(shown)} kinds of mistake more")
        rows = sum(count for count, _ in self._kinds.values())
        heading = f"{self._source}: {rows} {self._noun}{'s' if rows != 1 else ''} cannot be used"
        raise UnusableRows("\n".join([heading, *lines]), self._rows, hint="; ".join(self._hints) or None)

    def _where(self, count: int, numbers: list[int]) -> str:
        noun = self._noun + ("s" if count > 1 else "")
        rest = f" and {count - len(numbers)} more" if count > len(numbers) else ""
        return f"{noun} {', '.join(map(str, numbers))}{rest}"


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Return names joined by commas, cut after ``limit``."""
    every = list(names)
    rest = f" and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + rest

"""All errors that a user can cause or meet, as one tree.

    AckdError                      (never raised itself)
    ├── UsageError             2   what was asked for cannot be done
    │   ├── RecipeError        2   the recipe is wrong: lists every problem found
    │   └── RunMismatch        2   the run folder belongs to another recipe
    ├── GateFailed             3   a measured figure missed its bound
    ├── EnvironmentProblem     4   the machine lacks what was asked for
    │   ├── DeviceUnavailable  4   --device names a device that does not exist
    │   ├── ProviderUnavailable 4  --provider names a provider that doesn't become active
    │   ├── MissingExtra       4   an optional package is not installed
    │   ├── HubUnreachable     4   a model or data set lives on a hub that can't be reached
    │   └── RunLocked          4   another process works in the run folder
    ├── DataError              5   labeled text, or a model given as input, cannot be used
    │   └── TrainingDiverged   5   a loss became NaN or infinite
    └── ArtifactError          6   a file that was written is damaged, missing or hostile

Each carries the exit code of the command line and, where there is one, a hint that says what to do
next. Anything else that escapes is a bug: exit code 1, with its traceback.
"""

from __future__ import annotations

from typing import ClassVar

from ackd_deploy.escaping import shortened

__all__ = [
    "AckdError",
    "ArtifactError",
    "DataError",
    "DeviceUnavailable",
    "EnvironmentProblem",
    "GateFailed",
    "HubUnreachable",
    "MissingExtra",
    "ProviderUnavailable",
    "RecipeError",
    "RunLocked",
    "RunMismatch",
    "TrainingDiverged",
    "UsageError",
    "first_line",
]


class AckdError(Exception):
    """An error with one clear message, an exit code and, where possible, a hint."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = shortened(message)
        self.hint = None if hint is None else shortened(hint)
        super().__init__(self.message)


class UsageError(AckdError):
    """The command was asked for something that it cannot do, such as exporting where no run exists."""

    exit_code = 2


class RecipeError(UsageError):
    """The recipe is wrong. ``problems`` has one line for each mistake, so that all can be corrected at once."""

    def __init__(self, source: str, problems: list[str], *, hint: str | None = None) -> None:
        count = len(problems)
        heading = f"{source}: {count} problem{'s' if count != 1 else ''}"
        super().__init__("\n".join([heading, *(f"  {line}" for line in problems)]), hint=hint)
        self.problems = problems


class RunMismatch(UsageError):
    """The run folder was made by another recipe; going on would mix two experiments."""


class GateFailed(AckdError):
    """A measured figure missed its bound: the command fails and no artifact is written."""

    exit_code = 3


class EnvironmentProblem(AckdError):
    """The machine, or the set of installed packages, lacks what was asked for."""

    exit_code = 4


class DeviceUnavailable(EnvironmentProblem):
    """The asked-for training device does not exist here."""


class ProviderUnavailable(EnvironmentProblem):
    """The asked-for execution provider did not become active in the session."""


class MissingExtra(EnvironmentProblem):
    """An optional package is not installed; the hint names the extra that brings it."""


class HubUnreachable(EnvironmentProblem):
    """A model or data set is named by its hub id and the hub cannot be reached."""


class RunLocked(EnvironmentProblem):
    """Another process is working in the run folder."""


class DataError(AckdError):
    """Labeled text, or a model folder given as input, cannot be used as it is."""

    exit_code = 5


class TrainingDiverged(DataError):
    """A loss became NaN or infinite; the message has step, row ids and learning rate."""


class ArtifactError(AckdError):
    """A file of a run or an artifact is damaged, missing or must not be trusted."""

    exit_code = 6


def first_line(error: BaseException, limit: int = 300) -> str:
    """Return the first line of a foreign error's message, shortened; its class where it has no message.

    Messages of other packages may hold a whole graph, a stack in C++ or several paragraphs of advice.

    >>> first_line(ValueError("no such file\\nsee the manual"))
    'no such file'
    >>> first_line(KeyError())
    'KeyError'
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:limit]

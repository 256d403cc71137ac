"""The newest run of a folder of runs: the default of commands that work on a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ackd_deploy.errors import ArtifactError, UsageError
from ackd_deploy.run.folder import Run
from ackd_deploy.run.stages import EXPORT, Stage

__all__ = ["DEFAULT_RUNS", "newest_run"]

DEFAULT_RUNS = Path("runs")
Having = Literal["anything", "student", "artifact"]
_WHAT = {"anything": "run", "student": "finished run", "artifact": "exported run"}


def newest_run(runs: Path = DEFAULT_RUNS, *, having: Having = "anything") -> Run:
    """Return the run under ``runs`` whose last stage ended last.

    Args:
        runs: the folder of runs.
        having: only runs with a finished student of the recipe's own method, or with an artifact.

    Raises:
        UsageError: there is none.
    """
    found: list[tuple[str, Run]] = []
    for manifest in sorted(runs.glob("*/run.json")):
        try:
            run = Run.load(manifest.parent)
        except ArtifactError:
            # One damaged run must not hide the others; naming it with --run shows its error.
            continue
        wanted: Stage[Any] | None = {"anything": None, "student": run.student, "artifact": EXPORT}[having]
        if wanted is None or run.is_done(wanted):
            found.append((max((entry.finished or "" for entry in run.entries().values()), default=""), run))
    if not found:
        hint = (
            "ackd-deploy export --onnx makes an artifact"
            if having == "artifact"
            else "ackd-deploy distill RECIPE makes one; or name a run with --run DIR"
        )
        raise UsageError(f"there is no {_WHAT[having]} under {runs}/", hint=hint)
    return max(found, key=lambda pair: pair[0])[1]

"""A run's artifact: the existing one where it is whole, or a new one."""

from __future__ import annotations

from pathlib import Path

from ackd_deploy import console
from ackd_deploy.errors import ArtifactError
from ackd_deploy.run import EXPORT, Run

__all__ = ["exported"]


def exported(run: Run, provider: str, *, table: bool) -> Path:
    """Return the run's artifact: the existing one if it is complete, or a new one.

    Args:
        run: locked.
        provider: execution provider on which variants are judged.
        table: print the table of variants on stdout.
    """
    from ackd_deploy.artifact import open_artifact
    from ackd_deploy.export import export_run

    artifact = run.path("artifact")
    if run.is_done(EXPORT) and run.record(EXPORT).provider == provider:
        try:
            open_artifact(artifact)
        except ArtifactError as error:
            console.warn(f"the artifact is exported again: {error.message}")
        else:
            console.log("export: already done")
            return artifact
    return export_run(run, provider=provider, table=table)

"""A run on disk: its recipe, its stages, and what they found."""

from ackd_deploy.run.folder import Run
from ackd_deploy.run.newest import DEFAULT_RUNS, newest_run
from ackd_deploy.run.stages import BANK, BASELINES, EXPORT, TEACHER, Stage, student_stage
from ackd_deploy.run.versions import package_versions

__all__ = [
    "BANK",
    "BASELINES",
    "DEFAULT_RUNS",
    "EXPORT",
    "TEACHER",
    "Run",
    "Stage",
    "newest_run",
    "package_versions",
    "student_stage",
]

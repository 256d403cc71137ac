"""A run on disk: its recipe, its stages, and what they found."""

from ackd_deploy.run.folder import DEFAULT_RUNS, Run, newest_run, package_versions

__all__ = ["DEFAULT_RUNS", "Run", "newest_run", "package_versions"]

"""From a finished run to a gated artefact."""

from ackd_deploy.export.pipeline import export_run

__all__ = ["export_run"]

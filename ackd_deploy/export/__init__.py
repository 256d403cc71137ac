"""From a finished run to a gated artifact."""

from ackd_deploy.export.pipeline import export_run

__all__ = ["export_run"]

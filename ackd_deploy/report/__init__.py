"""What a run found, as a table, as JSON and as one HTML page. Only saved figures are shown; none is made up."""

from ackd_deploy.report.html import write_report
from ackd_deploy.report.summary import Row, summary_json, summary_rows, summary_table

__all__ = ["Row", "summary_json", "summary_rows", "summary_table", "write_report"]

"""The one reader of files: records with their line or row numbers, one at a time, from each format that is known."""

from ackd_deploy.data.reading.opening import FORMATS, open_lines, open_records, read_lines
from ackd_deploy.data.reading.records import Records, Wanted, missing_column

__all__ = ["FORMATS", "Records", "Wanted", "missing_column", "open_lines", "open_records", "read_lines"]

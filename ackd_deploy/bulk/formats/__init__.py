"""Files that predictions are written to: the ending names the format, each writes parts that are joined in the end."""

from ackd_deploy.bulk.formats.base import Column, Format, Kind
from ackd_deploy.bulk.formats.lookup import check_output, make_format, unwritable

__all__ = ["Column", "Format", "Kind", "check_output", "make_format", "unwritable"]

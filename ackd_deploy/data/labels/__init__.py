"""Label columns as numbers: each task reads its own, and names are matched with the model's."""

from ackd_deploy.data.labels.align import align, is_generic, match_names
from ackd_deploy.data.labels.read import label_columns, read_labels

__all__ = ["align", "is_generic", "label_columns", "match_names", "read_labels"]

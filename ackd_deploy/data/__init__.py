"""Labeled text: from hub or local files to rows, from rows to token ids on disk, from those to batches."""

from ackd_deploy.data.batches import bucketed_batches, sorted_batches
from ackd_deploy.data.encode import encode_rows
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.source import load_rows, load_texts
from ackd_deploy.data.split import calibration_slice, shared_rows, subset, tuning_split

__all__ = [
    "Encoded",
    "LabeledTexts",
    "bucketed_batches",
    "calibration_slice",
    "encode_rows",
    "load_rows",
    "load_texts",
    "shared_rows",
    "sorted_batches",
    "subset",
    "tuning_split",
]

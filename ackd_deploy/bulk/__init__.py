"""Prediction for whole files, in bounded memory: records in, predictions out. Needs no torch."""

from ackd_deploy.bulk.predict import answer, predictions
from ackd_deploy.bulk.texts import check_file, chunked, open_texts

__all__ = ["answer", "check_file", "chunked", "open_texts", "predictions"]

"""Prediction for whole files, in bounded memory: records in, predictions out. Needs no torch."""

from ackd_deploy.bulk.assemble import Written
from ackd_deploy.bulk.file import predict_file
from ackd_deploy.bulk.file_job import FileJob
from ackd_deploy.bulk.folder import predict_folder
from ackd_deploy.bulk.part_writer import Source
from ackd_deploy.bulk.predict import answer, predictions
from ackd_deploy.bulk.texts import check_file, chunked, open_texts

__all__ = [
    "FileJob",
    "Source",
    "Written",
    "answer",
    "check_file",
    "chunked",
    "open_texts",
    "predict_file",
    "predict_folder",
    "predictions",
]

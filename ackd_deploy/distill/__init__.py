"""Distillation: losses, teacher bank, student, and one training loop for every method."""

from ackd_deploy.distill.pipeline import distill_run, student_folders

__all__ = ["distill_run", "student_folders"]

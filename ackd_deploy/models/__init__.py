"""Hugging Face classifiers on disk: find, check, load, save, and build a student from a teacher."""

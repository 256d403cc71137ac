"""TinyBERT's data augmentation: copies of the training texts with some words replaced by a masked language model."""

from ackd_deploy.distill.augment.copies import augmented_copies

__all__ = ["augmented_copies"]

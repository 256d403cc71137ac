"""SAR, sample adaptive reweighting: the weights, their place in a training, and what they say."""

from ackd_deploy.distill.sar.weights import DifficultyPredictor, predictor_loss, sample_weights

__all__ = ["DifficultyPredictor", "predictor_loss", "sample_weights"]

"""SAR, sample adaptive reweighting: the weights, their place in a training, and what they say."""

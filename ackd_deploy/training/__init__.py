"""One training loop for every objective: batches, schedule, checkpoints, devices, processes."""

"""The training engine: plan, batches, losses, loop, checkpoint."""

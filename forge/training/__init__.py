"""Training on CPU or one GPU: data, losses, the loop, and merging what was learnt into the checkpoint."""

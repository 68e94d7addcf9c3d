"""Learning along gradients: the loss of a batch, the run with its checkpoint, the loop, what is seen of it."""

"""What the gradient learners share to learn: rows as arrays, the trainer, fits of heads."""

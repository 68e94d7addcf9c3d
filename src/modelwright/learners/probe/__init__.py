"""A linear probe on a pretrained encoder."""

"""Near twins: rows whose pictures or sounds are nearly the same, kept on one side of the split and named."""

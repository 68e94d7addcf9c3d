"""A choice: one of the passages of a corpus."""

"""Outcomes of outputs that are sets of tags."""

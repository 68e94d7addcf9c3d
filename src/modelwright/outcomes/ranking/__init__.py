"""Outcomes of outputs that are chosen from a corpus."""

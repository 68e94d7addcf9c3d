"""Outcomes of outputs that are vectors."""

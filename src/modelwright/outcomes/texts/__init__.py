"""Outcomes of outputs that are written: texts."""

"""Outcomes of numeric outputs."""

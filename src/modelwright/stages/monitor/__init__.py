"""Judges the requirements that live traffic can show."""

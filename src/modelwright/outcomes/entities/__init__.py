"""Outcomes of labelled spans of a text: entities."""

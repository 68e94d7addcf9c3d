"""Outcomes of a place in a text that answers a question: reading."""

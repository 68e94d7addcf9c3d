"""Outcomes of outputs with one class out of a closed set, or none where they abstain."""

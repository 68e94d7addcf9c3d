"""Evaluate: the packaged function against the test rows, sealed as evidence with report and model card."""

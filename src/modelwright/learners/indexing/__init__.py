"""Puts the passages of a corpus into a body: what learners that answer choices share. Without torch."""

"""Pretraining: an encoder learned from inputs alone, which other functions start from."""

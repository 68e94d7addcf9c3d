"""Puts what another function finds in the order of one that reads question and passage together."""

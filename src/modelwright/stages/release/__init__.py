"""Rolls a version out to users, gated by its requirements."""

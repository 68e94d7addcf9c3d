"""Learns which places of a text have which label."""

"""Learns where a text holds the answer to a question."""

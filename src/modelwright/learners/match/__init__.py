"""Learns which passage answers a question: an encoder that both share, told right pairs from all others."""

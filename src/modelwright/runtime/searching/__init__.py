"""Searching a corpus without torch: by words (BM25), by vectors, and both together."""

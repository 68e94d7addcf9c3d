"""Hashes of the rows' texts, made beside the stage in a process of its own where there are many rows."""

"""Cells that stand for files: what the project says of them, and how a chunk of rows gets their bytes."""

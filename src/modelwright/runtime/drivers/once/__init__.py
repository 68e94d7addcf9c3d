"""The driver `once`: one pass through one graph."""

"""A finite real number."""

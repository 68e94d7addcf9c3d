"""A category: one of a closed set of names."""

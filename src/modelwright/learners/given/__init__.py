"""A graph that was learned elsewhere, as the body of a function."""

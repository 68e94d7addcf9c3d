"""A sound."""

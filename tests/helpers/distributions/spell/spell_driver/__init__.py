"""A driver of another distribution: it answers in three parts."""

"""A date: a day, or a moment of it."""

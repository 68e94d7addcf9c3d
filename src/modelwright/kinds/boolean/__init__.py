"""A truth value."""

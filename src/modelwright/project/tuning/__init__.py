"""A search: its space checked against the project, its trials as lanes in a process of their own, and its results."""

"""The learning-rate range test of a project, and what it answers."""

"""Chat templates (Jinja) as the texts around turns, tools and calls."""

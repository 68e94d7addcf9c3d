"""A record: a JSON object."""

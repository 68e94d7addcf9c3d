"""What the verbs answer, as frozen dataclasses, and how they are put together."""

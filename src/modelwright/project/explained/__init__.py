"""What decides an answer, as `explain` says it."""

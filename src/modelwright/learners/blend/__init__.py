"""Several learners, whose answers are blended."""

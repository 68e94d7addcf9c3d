"""Forms in which rows of language models are written, and how they become columns of a function."""

"""One span of a text: where it holds the answer to a question."""

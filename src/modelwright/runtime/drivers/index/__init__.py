"""The driver `index`: searches a corpus by words, by vectors, or by both."""

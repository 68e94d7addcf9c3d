"""What `predict` reads from words, and writes: rows in, answers out."""

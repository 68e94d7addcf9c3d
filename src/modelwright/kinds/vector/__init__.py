"""A vector: a fixed number of floats, such as an embedding."""

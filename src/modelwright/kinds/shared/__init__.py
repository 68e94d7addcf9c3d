"""What several kinds share: canonical strings, and the confidence of outputs with classes."""

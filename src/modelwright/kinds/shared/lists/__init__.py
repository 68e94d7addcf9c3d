"""What kinds share whose values are lists of numbers."""

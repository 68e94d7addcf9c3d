"""What kinds share whose values are files."""

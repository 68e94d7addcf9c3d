"""What follows from what was measured: why a bar is unmet, which of two versions is better."""

"""Evidence: measurements, their intervals, and verdicts on them."""

"""A series: one or more numbers over time."""

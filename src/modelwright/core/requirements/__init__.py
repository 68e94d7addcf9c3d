"""Requirements: bars on metrics, and slices of the rows."""

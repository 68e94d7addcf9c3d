"""What became of outputs that are records: JSON objects, field by field."""

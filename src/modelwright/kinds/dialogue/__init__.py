"""The kind `dialogue`: turns with roles."""

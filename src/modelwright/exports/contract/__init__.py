"""The contract of an export target."""

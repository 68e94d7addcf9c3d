"""The contract of a driver."""

"""Finds passages by their words; nothing is learned."""

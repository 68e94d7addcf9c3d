"""Puts functions of other projects together; nothing is learned."""

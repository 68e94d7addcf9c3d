"""Spans of a text with a label each: people, places, numbers of accounts."""

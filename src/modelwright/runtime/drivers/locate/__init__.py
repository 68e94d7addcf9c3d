"""A graph reads texts in windows, and what it says of tokens becomes places in the text."""

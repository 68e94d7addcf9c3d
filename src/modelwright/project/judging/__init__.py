"""People say which of two answers is better, and do not know whose they are."""

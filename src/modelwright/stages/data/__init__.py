"""The stage `data`: sources become rows with stable ids, split, checked and counted."""
